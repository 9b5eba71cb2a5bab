//! Notes in memory, a book for each subject. Everything is bounded, and gone when the process ends.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use schemars::JsonSchema;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const BOOKS: usize = 1000;
const NOTES: usize = 100;
const CHARACTERS: usize = 1000;

/// One note.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Note {
    /// Its place in the book, from 1.
    #[schemars(with = "i64")]
    pub(super) number: usize,
    /// What it says.
    pub(super) text: String,
    /// When it was written (RFC 3339, UTC).
    pub(super) written_at: String,
}

/// Why a note was not kept.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum NotKept {
    #[error("The note is empty. Give it some text.")]
    Empty,
    #[error("The note has more than {CHARACTERS} characters. Shorten it or split it.")]
    TooLong,
    #[error("The notebook is full: it holds {NOTES} notes. Call note_clear to empty it.")]
    Full,
    #[error("This demo keeps notebooks for {BOOKS} people, and all are taken. Restart it to empty them.")]
    NoBook,
}

/// All notebooks.
#[derive(Default)]
pub(super) struct Notebooks(Mutex<HashMap<String, Vec<Note>>>);

impl Notebooks {
    /// Appends a note to the book of `sub`.
    pub(super) fn add(&self, sub: &str, text: &str, now: OffsetDateTime) -> Result<Note, NotKept> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotKept::Empty);
        }
        if text.chars().count() > CHARACTERS {
            return Err(NotKept::TooLong);
        }
        let mut books = self.books();
        if books.len() >= BOOKS && !books.contains_key(sub) {
            return Err(NotKept::NoBook);
        }
        let book = books.entry(sub.to_owned()).or_default();
        if book.len() >= NOTES {
            return Err(NotKept::Full);
        }
        let written_at = now.format(&Rfc3339).unwrap_or_default();
        let note = Note { number: book.len() + 1, text: text.to_owned(), written_at };
        book.push(note.clone());
        Ok(note)
    }

    /// The notes of `sub`, oldest first.
    pub(super) fn list(&self, sub: &str) -> Vec<Note> {
        self.books().get(sub).cloned().unwrap_or_default()
    }

    /// Throws the notes of `sub` away and says how many they were.
    pub(super) fn clear(&self, sub: &str) -> usize {
        self.books().remove(sub).map_or(0, |book| book.len())
    }

    fn books(&self) -> MutexGuard<'_, HashMap<String, Vec<Note>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes as a list that people and models read.
pub(super) fn as_text(notes: &[Note]) -> String {
    if notes.is_empty() {
        return "No notes yet.".to_owned();
    }
    notes.iter().map(|note| format!("{}. {} ({})\n", note.number, note.text, note.written_at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn each_subject_has_a_book_of_its_own() {
        let books = Notebooks::default();
        books.add("ann", " milk ", NOW).unwrap();
        books.add("bob", "bread", NOW).unwrap();
        assert_eq!(as_text(&books.list("ann")), "1. milk (1970-01-01T00:00:00Z)\n");
        assert_eq!((books.clear("ann"), books.list("ann").len(), books.list("bob").len()), (1, 0, 1));
    }

    #[test]
    fn books_notes_and_text_are_bounded() {
        let books = Notebooks::default();
        assert_eq!(books.add("ann", " \n", NOW), Err(NotKept::Empty));
        assert_eq!(books.add("ann", &"ö".repeat(CHARACTERS + 1), NOW), Err(NotKept::TooLong));
        for _ in 0..NOTES {
            books.add("ann", &"ö".repeat(CHARACTERS), NOW).unwrap();
        }
        assert_eq!(books.add("ann", "one more", NOW), Err(NotKept::Full));
        for person in 1..BOOKS {
            books.add(&person.to_string(), "note", NOW).unwrap();
        }
        assert_eq!(books.add("late", "note", NOW), Err(NotKept::NoBook));
    }
}

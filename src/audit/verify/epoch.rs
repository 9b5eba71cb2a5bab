//! One log of an export: all of it but what connects it with others.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::OffsetDateTime;

use super::{
    Fault, Refusal, Signer,
    files::{Named, read, refuse_foreign},
    reading::Reading,
    seen::{EarlierReport, Others},
    signer::{self, After},
    tree::Tree,
};
use crate::audit::{
    export::{
        CHECKPOINT, CHECKPOINTS, COSIGNED, Extent, FileFacts, Kinds, MANIFEST, Manifest, PREVIOUS, README, SUMS,
        VALUES, VIEWS, Whose, digest,
    },
    log::{Checkpoint, Hash, Restarted, VerifierKey},
};

/// The longest manifest, README and checkpoint.
const LONGEST: u64 = 16 << 20;

/// A log that was found to be right.
pub(super) struct Checked {
    pub(super) prefix: String,
    pub(super) whose: Whose,
    pub(super) checkpoint: Checkpoint,
    /// That checkpoint, signed.
    pub(super) note: String,
    /// An earlier one that a witness has signed.
    pub(super) cosigned: Option<(Checkpoint, String)>,
    /// Earlier ones that the log itself has kept.
    pub(super) earlier: EarlierReport,
    pub(super) signer: Signer,
    /// The keys given that may sign it.
    pub(super) own: Vec<VerifierKey>,
    /// Whether the first entry of the next epoch commits to all that is here.
    pub(super) by_next: bool,
    pub(super) extent: Extent,
    pub(super) kinds: Kinds,
    /// From when to when its entries are.
    pub(super) span: Option<(OffsetDateTime, OffsetDateTime)>,
    /// Values that belong to entries.
    pub(super) values: u64,
    /// What its first entry says of the log before it, if that entry is here.
    pub(super) restarted: Option<Restarted>,
    /// What its manifest is.
    pub(super) manifest: FileFacts,
    /// The manifests of earlier epochs, by their numbers.
    pub(super) previous: BTreeMap<u32, FileFacts>,
    /// Roots of the first so many entries; else the file that it would take.
    pub(super) roots: Vec<(u64, Result<Hash, String>)>,
}

impl Checked {
    /// What it says of the epoch before it.
    pub(super) fn after(&self) -> Option<After<'_>> {
        Some(After { names: &self.restarted.as_ref()?.checkpoint.origin, keys: &self.own })
    }
}

/// Checks a log. `marks`: sizes of smaller trees whose roots are needed.
pub(super) fn check(
    dir: &Path,
    prefix: &str,
    (keys, after, marks): (&[VerifierKey], Option<After<'_>>, &[u64]),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Checked, Refusal> {
    let named = |name: &str| format!("{prefix}{name}");
    let bytes = read(dir, &named(MANIFEST), LONGEST).map_err(|refusal| match refusal.fault {
        Fault::Missing => Fault::NoManifest.at(&refusal.file),
        _ => refusal,
    })?;
    let says = |what| Fault::Says(what).at(&named(MANIFEST));
    let manifest = Manifest::parse(&bytes).map_err(|error| Fault::Manifest(error).at(&named(MANIFEST)))?;
    let previous = names(&manifest).map_err(|fault| fault.at(&named(MANIFEST)))?;

    let file = named(CHECKPOINT);
    let note = read(dir, &file, LONGEST)?;
    let note_facts = digest(&note);
    let note = String::from_utf8_lossy(&note);
    let checkpoint = Checkpoint::unverified(&note).map_err(|error| Fault::Checkpoint(error).at(&file))?;
    let whose = Whose::of(&checkpoint.origin).ok_or_else(|| Fault::Origin(checkpoint.origin.to_string()).at(&file))?;
    let own = signer::own(keys, &checkpoint.origin, after);
    let signer = signer::of((&note, &checkpoint.origin), (&file, prefix), (keys, &own), &manifest.keys)?;
    if manifest.origin != checkpoint.origin.as_str() {
        return Err(says("origin"));
    }
    if manifest.tenant != whose.tenant {
        return Err(says("tenant"));
    }
    if manifest.checkpoint.size != checkpoint.size || manifest.checkpoint.root != STANDARD.encode(checkpoint.root.0) {
        return Err(says("checkpoint"));
    }
    let extent = Extent::exactly(checkpoint.size, manifest.entries).ok_or_else(|| says("entries"))?;
    if manifest.count != extent.included().map_or(0, |range| range.count()) {
        return Err(says("count"));
    }

    let others = Others::read((dir, prefix), &manifest, (&checkpoint, &own))?;
    let asked = marks.iter().copied().filter(|size| *size <= checkpoint.size);
    let cosigned = others.cosigned.iter().map(|(checkpoint, _)| checkpoint.size);
    let asked: Vec<u64> = asked.chain(cosigned).collect();
    let marks: Vec<u64> = asked.iter().copied().chain(others.marks()).collect();
    let (mut tree, edges) = Tree::open((dir, prefix), extent, checkpoint.root, (&marks, &file))?;
    let mut reading = Reading::open((dir, prefix), &manifest, extent, &checkpoint.origin)?;
    for (name, facts) in edges {
        reading.sum(&name, &facts)?;
    }
    reading.entries(&mut tree, progress)?;
    let earlier = others.check(prefix, &tree)?;
    let roots = asked.iter().map(|size| (*size, tree.root(*size))).collect();
    refuse_foreign(dir, prefix, &extent, &|name| place(&manifest, &previous, name))?;

    let mut facts = reading.end()?;
    facts.insert(CHECKPOINT.to_owned(), note_facts);
    facts.extend(others.facts.into_iter().map(|(name, facts)| (name.to_owned(), facts)));
    facts.insert(README.to_owned(), digest(&read(dir, &named(README), LONGEST)?));
    if let Some((name, _)) = manifest.files.iter().find(|(name, said)| facts.get(*name).is_some_and(|it| it != *said)) {
        return Err(Fault::Digest.at(&named(name)));
    }
    for (name, said) in manifest.files.iter().filter(|(name, _)| *name != SUMS) {
        reading.sum(name, said)?;
    }
    let Reading { sums, kinds, span, values_found: values, restarted, .. } = reading;
    if manifest.files.get(SUMS) != Some(&sums.finish()?) {
        return Err(Fault::Digest.at(&named(SUMS)));
    }
    if manifest.kinds != kinds {
        return Err(says("kinds"));
    }
    let (prefix, manifest) = (prefix.to_owned(), digest(&bytes));
    let by_next = false;
    Ok(Checked {
        prefix,
        whose,
        checkpoint,
        note: note.into_owned(),
        cosigned: others.cosigned,
        earlier,
        signer,
        own,
        by_next,
        extent,
        kinds,
        span,
        values,
        restarted,
        manifest,
        previous,
        roots,
    })
}

/// The manifests of earlier epochs that a manifest names. It must name what each export has, and nothing else.
fn names(manifest: &Manifest) -> Result<BTreeMap<u32, FileFacts>, Fault> {
    let views = VIEWS.iter().map(|view| view.file);
    if [CHECKPOINT, README, SUMS].into_iter().chain(views.clone()).any(|name| !manifest.files.contains_key(name)) {
        return Err(Fault::Says("files"));
    }
    let mut previous = BTreeMap::new();
    for (name, facts) in &manifest.files {
        let known = [CHECKPOINT, CHECKPOINTS, COSIGNED, README, SUMS, VALUES].contains(&name.as_str());
        if known || views.clone().any(|view| view == name) {
            continue;
        }
        let number = name
            .strip_prefix(PREVIOUS)
            .and_then(|rest| rest.strip_prefix('/')?.strip_suffix(MANIFEST)?.strip_suffix('/'));
        let number = number.and_then(|text| text.parse::<u32>().ok().filter(|number| number.to_string() == text));
        previous.insert(number.ok_or_else(|| Fault::Names(name.chars().take(200).collect()))?, facts.clone());
    }
    Ok(previous)
}

/// What the manifest says of a file or directory outside `tile/`.
fn place(manifest: &Manifest, previous: &BTreeMap<u32, FileFacts>, name: &str) -> Named {
    let epoch = name.strip_prefix(PREVIOUS).and_then(|rest| rest.strip_prefix('/'));
    match epoch {
        _ if name == PREVIOUS && !previous.is_empty() => Named::Above,
        Some(epoch) if previous.keys().any(|number| number.to_string() == epoch) => Named::Elsewhere,
        _ if name == MANIFEST || (epoch.is_none() && manifest.files.contains_key(name)) => Named::File,
        _ => Named::Not,
    }
}

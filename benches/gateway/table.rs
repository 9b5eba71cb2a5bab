//! Tables, as text or as Markdown, and the numbers in them.

/// A table with a name in its first column and numbers in the others.
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        assert_eq!(N, self.head.len(), "a cell for each column");
        self.rows.push(cells.to_vec());
    }

    pub(crate) fn print(&self, markdown: bool) {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| all().map(|row| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        let line = |cells: &[String]| {
            let cells =
                cells.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
                    if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                });
            let cells: Vec<String> = cells.collect();
            if markdown { format!("| {} |", cells.join(" | ")) } else { cells.join("   ") }
        };
        println!("{}", line(&self.head));
        if markdown {
            let rule = |(at, width): (usize, &usize)| {
                if at == 0 { "-".repeat(*width) } else { format!("{}:", "-".repeat(width - 1)) }
            };
            println!("| {} |", widths.iter().enumerate().map(rule).collect::<Vec<_>>().join(" | "));
        }
        for row in &self.rows {
            println!("{}", line(row));
        }
    }
}

/// What several rounds saw of one thing.
pub(crate) struct Seen(Vec<f64>);

impl FromIterator<f64> for Seen {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        Self(numbers)
    }
}

impl Seen {
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        self.0[((self.0.len() as f64 * part) as usize).min(self.0.len() - 1)]
    }

    /// The median; of an even count, the upper one.
    pub(crate) fn middle(&self) -> f64 {
        self.quantile(0.5)
    }

    pub(crate) fn most(&self) -> f64 {
        self.quantile(1.0)
    }

    /// The median with the least and the most.
    pub(crate) fn ratio(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.middle(), self.quantile(0.0), self.most())
    }
}

//! A series of numbers drawn with characters, for LATENCY GRAPH: rows of columns, with a label under each column
//! written downwards.

const CHARACTERS: [char; 3] = ['_', 'o', '#'];
const ROWS: usize = 4;
/// Empty rows between the columns and their labels.
const LABEL_MARGIN: usize = 1;

/// Draws samples, each a value with its label, in parts of at most `columns`. Every line ends with a line feed.
pub fn render(samples: &[(f64, String)], columns: usize) -> String {
    let low = samples.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
    let high = samples.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    let parts: Vec<String> = samples.chunks(columns.max(1)).map(|part| render_part(part, low, range)).collect();
    parts.join("\n")
}

fn render_part(part: &[(f64, String)], low: f64, range: f64) -> String {
    let steps = CHARACTERS.len() * ROWS;
    let mut out = String::new();
    for row in 0..ROWS {
        for (value, _) in part {
            let step = (((value - low) * steps as f64 / range) as usize).min(steps - 1);
            let floor = (ROWS - row - 1) * CHARACTERS.len();
            out.push(match step.checked_sub(floor) {
                None => ' ',
                Some(above) => CHARACTERS.get(above).copied().unwrap_or('|'),
            });
        }
        out.push('\n');
    }
    let longest = part.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
    for row in 0..LABEL_MARGIN + longest {
        for (_, label) in part {
            let letter = row.checked_sub(LABEL_MARGIN).and_then(|at| label.chars().nth(at));
            out.push(letter.unwrap_or(' '));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_sample_fills_its_column_and_labels_run_downwards() {
        let samples = [(10.0, "9s".to_owned()), (20.0, "1s".to_owned())];
        assert_eq!(render(&samples, 80), " #\n |\n |\n_|\n  \n91\nss\n");
    }

    #[test]
    fn a_flat_series_lies_on_the_floor() {
        assert_eq!(render(&[(5.0, String::new())], 80), " \n \n \n_\n \n");
    }
}

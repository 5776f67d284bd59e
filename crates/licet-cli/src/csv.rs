//! CSV (RFC 4180): reading price lists, writing usage.

/// Reads rows of fields; quoted fields may hold commas, quotes and line breaks. Empty lines are
/// left out.
pub(crate) fn parse(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut was_quoted) = (false, false);
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() && !was_quoted => (quoted, was_quoted) = (true, true),
            _ if quoted => field.push(character),
            ',' => {
                row.push(std::mem::take(&mut field));
                was_quoted = false;
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' => {
                finish_row(&mut rows, &mut row, &mut field, was_quoted);
                was_quoted = false;
            }
            _ if was_quoted => {
                return Err(format!("row {}: text follows a closing quote", rows.len() + 1));
            }
            _ => field.push(character),
        }
    }
    if quoted {
        return Err(format!("row {}: a quote is not closed", rows.len() + 1));
    }
    finish_row(&mut rows, &mut row, &mut field, was_quoted);
    Ok(rows)
}

fn finish_row(
    rows: &mut Vec<Vec<String>>,
    row: &mut Vec<String>,
    field: &mut String,
    was_quoted: bool,
) {
    if row.is_empty() && field.is_empty() && !was_quoted {
        return;
    }
    row.push(std::mem::take(field));
    rows.push(std::mem::take(row));
}

/// One row with its line break.
pub(crate) fn row<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields: Vec<_> = fields.into_iter().map(quote).collect();
    format!("{}\r\n", fields.join(","))
}

fn quote(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fields = ["a", "", "b,c", "say \"x\"", "two\nlines", "7.5"];
        let written = row(fields);
        assert_eq!(parse(&written), Ok(vec![fields.map(str::to_owned).to_vec()]));
    }

    #[test]
    fn lines_end_as_they_like() {
        let rows = parse("\u{feff}name,rate\r\n\r\na,1\n\"b\",2");
        let wanted = [["name", "rate"], ["a", "1"], ["b", "2"]];
        assert_eq!(rows, Ok(wanted.map(|row| row.map(str::to_owned).to_vec()).to_vec()));
        assert!(parse("\"a").is_err());
        assert!(parse("\"a\"b").is_err());
    }
}

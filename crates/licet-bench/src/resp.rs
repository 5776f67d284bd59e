//! The protocol of Redis as far as the rival needs it.

use memchr::memmem;

use crate::http::Answer;

/// Reads a simple reply, an error, an integer or a bulk string. An error has the status 400, all
/// else 200.
///
/// # Errors
/// The bytes are no such reply.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Answer<'_>>, String> {
    let Some(end) = memmem::find(bytes, b"\r\n") else { return Ok(None) };
    let Some((kind, line)) = bytes[..end].split_first() else {
        return Err("is an empty reply".to_owned());
    };
    match kind {
        b'+' | b':' => Ok(Some(reply(200, line, end + 2))),
        b'-' => Ok(Some(reply(400, line, end + 2))),
        b'$' => bulk(bytes, end, line),
        _ => Err(format!("is no reply of Redis: {}", String::from_utf8_lossy(&bytes[..end]))),
    }
}

fn bulk<'a>(bytes: &'a [u8], end: usize, line: &[u8]) -> Result<Option<Answer<'a>>, String> {
    let length = std::str::from_utf8(line).ok().and_then(|text| text.parse::<usize>().ok());
    let length = length.ok_or("is a reply without a right length")?;
    let from = end + 2;
    let is_whole = bytes.len() >= from + length + 2;
    Ok(is_whole.then(|| reply(200, &bytes[from..from + length], from + length + 2)))
}

fn reply(status: u16, body: &[u8], bytes: usize) -> Answer<'_> {
    Answer { status, body, is_chunked: false, bytes }
}

/// A command as an array of bulk strings.
pub(crate) fn command(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_when_they_are_whole() {
        for (bytes, status, body) in [
            (&b"+PONG\r\n"[..], 200, &b"PONG"[..]),
            (b":-17\r\n", 200, b"-17"),
            (b"-NOSCRIPT x\r\n", 400, b"NOSCRIPT x"),
            (b"$6\r\nab\r\ncd\r\n", 200, b"ab\r\ncd"),
        ] {
            for end in 0..bytes.len() {
                let found = read(&bytes[..end]);
                assert_eq!(found, Ok(None), "{:?}", &bytes[..end]);
            }
            assert_eq!(read(bytes), Ok(Some(reply(status, body, bytes.len()))));
        }
    }

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        assert_eq!(command(&["GET", "k"]), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
}

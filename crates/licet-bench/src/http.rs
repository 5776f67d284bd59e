//! HTTP/1.1 as far as a load generator speaks it: whole requests out, framed answers in.

use std::borrow::Cow;

use memchr::memmem;
use uuid::Uuid;

/// A complete answer at the start of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// As it came: an answer in chunks has their sizes between them.
    pub(crate) body: &'a [u8],
    pub(crate) is_chunked: bool,
    /// Bytes of the answer on the wire, head included.
    pub(crate) bytes: usize,
}

impl<'a> Answer<'a> {
    /// The body in one piece.
    pub(crate) fn content(&self) -> Cow<'a, [u8]> {
        if !self.is_chunked {
            return Cow::Borrowed(self.body);
        }
        let (mut content, mut rest) = (Vec::new(), self.body);
        // The chunks were walked over once when the answer was framed.
        while let Ok(Some(chunk)) = next_chunk(rest) {
            content.extend_from_slice(chunk.content);
            rest = &rest[chunk.bytes..];
        }
        Cow::Owned(content)
    }
}

/// How answers are told apart on a connection: `None` while one is incomplete.
pub(crate) type Reader = for<'a> fn(&'a [u8]) -> Result<Option<Answer<'a>>, String>;

/// Reads an answer with a `content-length`, one in chunks, or one that has no body by its status.
///
/// # Errors
/// The bytes are no such answer.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Answer<'_>>, String> {
    let Some(head_bytes) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_bytes]).map_err(|error| error.to_string())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status_of);
    let status = status.ok_or_else(|| format!("is no HTTP/1.1 answer: {head}"))?;
    let from = head_bytes + 4;
    let (length, is_chunked) = match lines.find_map(framing) {
        Some(Framing::Length(length)) => (Some(length), false),
        Some(Framing::Chunks) => (chunks_bytes(&bytes[from..])?, true),
        None if matches!(status, 204 | 304) => (Some(0), false),
        None => return Err(format!("has no length: {head}")),
    };
    let Some(length) = length else { return Ok(None) };
    let body = bytes.get(from..from + length);
    Ok(body.map(|body| Answer { status, body, is_chunked, bytes: from + length }))
}

/// How the end of a body is found.
enum Framing {
    Length(usize),
    Chunks,
}

fn framing(line: &str) -> Option<Framing> {
    let (name, value) = line.split_once(':')?;
    if name.eq_ignore_ascii_case("content-length") {
        return value.trim().parse().ok().map(Framing::Length);
    }
    let is_chunked = name.eq_ignore_ascii_case("transfer-encoding")
        && value.trim().eq_ignore_ascii_case("chunked");
    is_chunked.then_some(Framing::Chunks)
}

struct Chunk<'a> {
    content: &'a [u8],
    /// With its size and line breaks.
    bytes: usize,
}

/// The chunk at the start; the last one is empty.
fn next_chunk(bytes: &[u8]) -> Result<Option<Chunk<'_>>, String> {
    let Some(end) = memmem::find(bytes, b"\r\n") else { return Ok(None) };
    let size = std::str::from_utf8(&bytes[..end]).ok();
    let size = size.and_then(|text| usize::from_str_radix(text, 16).ok());
    let size = size.ok_or("has a chunk without a right size")?;
    let from = end + 2;
    let is_whole = bytes.len() >= from + size + 2;
    Ok(is_whole.then(|| Chunk { content: &bytes[from..from + size], bytes: from + size + 2 }))
}

/// Bytes of all chunks; `None` while the last one is missing.
fn chunks_bytes(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut from = 0;
    while let Some(chunk) = next_chunk(&bytes[from..])? {
        from += chunk.bytes;
        if chunk.content.is_empty() {
            return Ok(Some(from));
        }
    }
    Ok(None)
}

fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// A request being written.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    text: String,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { text: format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n") }
    }

    /// Of a program that names the instance of its session.
    pub(crate) fn of_program(method: &str, path: &str, token: &str, instance_id: Uuid) -> Self {
        Self::new(method, path).bearer(token).header("x-instance-id", &instance_id.to_string())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\r\n"] {
            self.text.push_str(part);
        }
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn empty(mut self) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }

    /// Everything before a JSON body of so many bytes.
    pub(crate) fn head_of_json(self, bytes: usize) -> Vec<u8> {
        let request = self.header("content-type", "application/json");
        request.header("content-length", &bytes.to_string()).empty()
    }

    pub(crate) fn json(self, body: &str) -> Vec<u8> {
        let mut request = self.head_of_json(body.len());
        request.extend_from_slice(body.as_bytes());
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ndate: x\r\n\r\nhello";

    #[test]
    fn an_answer_is_read_only_when_all_of_it_is_there() {
        for end in 0..ANSWER.len() {
            assert_eq!(read(&ANSWER[..end]), Ok(None), "after {end} bytes");
        }
        let answer = read(ANSWER).unwrap().unwrap();
        assert_eq!((answer.status, answer.body, answer.bytes), (200, &b"hello"[..], ANSWER.len()));
    }

    #[test]
    fn what_follows_an_answer_is_left_alone() {
        let two = [ANSWER, ANSWER].concat();
        assert_eq!(read(&two).unwrap().unwrap().bytes, ANSWER.len());
    }

    #[test]
    fn an_answer_without_content_has_no_body() {
        let bytes = b"HTTP/1.1 204 No Content\r\ncache-control: no-store\r\n\r\n";
        let answer = read(bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.body, answer.bytes), (204, &b""[..], bytes.len()));
    }

    #[test]
    fn what_cannot_be_framed_is_an_error() {
        read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n").unwrap_err();
        read(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").unwrap_err();
        read(b"SSH-2.0-x\r\n\r\n").unwrap_err();
    }

    #[test]
    fn chunks_are_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
            3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Ok(None), "after {end} bytes");
        }
        let answer = read(bytes).unwrap().unwrap();
        assert_eq!((&*answer.content(), answer.bytes), (&b"abc0123456789"[..], bytes.len()));
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let request = Request::new("POST", "/x").bearer("t").json("{}");
        assert_eq!(
            std::str::from_utf8(&request).unwrap(),
            "POST /x HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer t\r\n\
             content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        );
    }
}

use base64::{Engine, engine::general_purpose::STANDARD};

/// Longest PEM text that is read, in bytes. An RSA key of 8192 bits takes 1.4 KiB.
pub(super) const PEM_BYTES_MAX: usize = licet_protocol::limits::PEM_CHARS;

/// Why a text holds no public key in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PemError {
    TooLong,
    PrivateKey,
    Certificate,
    OpenSsh,
    Jwk,
    NotPem,
    SeveralBlocks,
    Encoding,
}

impl PemError {
    /// What is wrong, and how to mend it.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::TooLong => "is longer than 8192 bytes; send one public key and nothing else",
            Self::PrivateKey => {
                "is a PRIVATE key. It was not stored, but must be considered leaked: make a new \
                 pair and upload the public half (openssl pkey -in private.pem -pubout)"
            }
            Self::Certificate => {
                "is a certificate; take the key out of it (openssl x509 -in certificate.pem \
                 -noout -pubkey)"
            }
            Self::OpenSsh => "is an OpenSSH key; convert it (ssh-keygen -e -m PKCS8 -f id.pub)",
            Self::Jwk => "is a JWK; send the key as PEM (-----BEGIN PUBLIC KEY-----)",
            Self::NotPem => {
                "is not PEM; send the text from -----BEGIN PUBLIC KEY----- to -----END PUBLIC \
                 KEY----- with its line breaks"
            }
            Self::SeveralBlocks => "holds more than one key; send each under an id of its own",
            Self::Encoding => {
                "is damaged: between the BEGIN and END lines there must be just Base64 (the line \
                 breaks may have been lost on the way)"
            }
        }
    }
}

/// Reads the DER bytes of the one public key in `text`.
pub(super) fn read_public_key(text: &str) -> Result<Vec<u8>, PemError> {
    // First of all, so that no other error hides that a secret was sent.
    if text.contains("PRIVATE KEY-----") {
        return Err(PemError::PrivateKey);
    }
    if text.len() > PEM_BYTES_MAX {
        return Err(PemError::TooLong);
    }
    let text = text.trim();
    let Some((label, rest)) = opening(text) else {
        return Err(not_pem(text));
    };
    let closing = format!("-----END {label}-----");
    let (body, after) = rest.split_once(closing.as_str()).ok_or(PemError::NotPem)?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            return Err(PemError::Certificate);
        }
        _ => return Err(PemError::NotPem),
    }
    if after.contains("-----BEGIN ") {
        return Err(PemError::SeveralBlocks);
    }
    if !after.trim().is_empty() {
        return Err(PemError::NotPem);
    }
    let base64: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(base64).map_err(|_| PemError::Encoding)
}

/// The label of the first line, and what follows that line.
fn opening(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("-----BEGIN ")?.split_once("-----")
}

fn not_pem(text: &str) -> PemError {
    const OPEN_SSH: [&str; 3] = ["ssh-", "ecdsa-sha2-", "---- BEGIN SSH2"];
    if OPEN_SSH.iter().any(|start| text.starts_with(start)) {
        PemError::OpenSsh
    } else if text.starts_with('{') {
        PemError::Jwk
    } else {
        PemError::NotPem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_block_with_any_line_breaks() {
        let pem = "\n-----BEGIN PUBLIC KEY-----\r\nAQID\r\nBAUG\r\n-----END PUBLIC KEY-----\r\n";
        assert_eq!(read_public_key(pem), Ok(vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn says_what_was_sent_instead() {
        let block = "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n";
        let private = "-----BEGIN RSA PRIVATE KEY-----\nAQID\n-----END RSA PRIVATE KEY-----\n";
        let table = [
            (String::new(), PemError::NotPem),
            ("garbage".into(), PemError::NotPem),
            (private.into(), PemError::PrivateKey),
            (format!("{block}{private}"), PemError::PrivateKey),
            (format!("{}{private}", "x".repeat(PEM_BYTES_MAX)), PemError::PrivateKey),
            (format!("{block}{block}"), PemError::SeveralBlocks),
            (format!("{block} and more"), PemError::NotPem),
            (block.replace("PUBLIC KEY", "CERTIFICATE"), PemError::Certificate),
            (block.replace("PUBLIC KEY", "DH PARAMETERS"), PemError::NotPem),
            (block.replace("AQID", "A*ID"), PemError::Encoding),
            (block.replace("-----END PUBLIC KEY-----", ""), PemError::NotPem),
            ("ssh-ed25519 AAAAC3 ada@host".into(), PemError::OpenSsh),
            ("{\"kty\":\"OKP\"}".into(), PemError::Jwk),
            ("A".repeat(PEM_BYTES_MAX + 1), PemError::TooLong),
        ];
        for (text, expected) in table {
            assert_eq!(read_public_key(&text), Err(expected), "{text:.60}");
        }
    }
}

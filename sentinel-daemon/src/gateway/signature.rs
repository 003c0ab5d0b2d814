//! Proof that the risk stage has passed an order, and just now: a keyed checksum and the time it was made.
//!
//! The checksum covers the order's terms, not the time beside it: whoever can read a signature can give it a
//! new time. It guards against orders that never saw the risk stage, not against an eavesdropper.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::bar::Side;

/// How far the time in a signature may lie from the receiver's clock, in either direction, in milliseconds.
pub const VALID_MS: u64 = 5_000;

/// Length of the checksum as it travels: the first 8 bytes, in lower case hexadecimal.
const CHECKSUM_BYTES: usize = 8;

const PREFIX: &str = "RISK_PASS";

/// What an order asks for: the fields that are signed, declared in the order in which they are signed.
///
/// The signed text is this struct as compact JSON. Both sides go through `f64`, so `1` and `1.0` sign alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderTerms {
    /// The price the order was judged at, in the quote currency.
    pub price: f64,
    /// Price at which to give up; 0 for none.
    #[serde(rename = "sl")]
    pub stop_loss: f64,
    /// What is traded, for example `EURUSD`.
    pub symbol: String,
    /// Price at which to take the gain; 0 for none.
    #[serde(rename = "tp")]
    pub take_profit: f64,
    /// Which way.
    #[serde(rename = "type")]
    pub side: Side,
    /// How much, in lots.
    pub volume: f64,
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file could not be read.
    #[error("risk key file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds nothing but white space.
    #[error("risk key file {} is empty; it must hold the secret, white space around it is ignored", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// It is not of the form `RISK_PASS:<16 hex digits>:<unix milliseconds>`.
    #[error("not of the form RISK_PASS:<16 lower case hex digits>:<unix milliseconds>")]
    Malformed,
    /// It was made too long ago, or by a clock too far ahead.
    #[error("made {age_ms} ms ago; up to {VALID_MS} ms either way is accepted")]
    Stale {
        /// Age by the receiver's clock in milliseconds; negative when it lies ahead.
        age_ms: i128,
    },
    /// It was made for other terms or with another key.
    #[error("does not belong to these terms under this key")]
    Mismatch,
}

/// The secret that the risk stage and the gateway share.
#[derive(Clone)]
pub struct RiskKey {
    // Keyed once: an HMAC state cannot be read back into the key.
    keyed: Hmac<Sha256>,
}

impl RiskKey {
    /// Reads the key from a file; white space at both ends does not count.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read or has no key in it.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let bytes = std::fs::read(path).map_err(|source| KeyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let secret = bytes.trim_ascii();
        if secret.is_empty() {
            return Err(KeyError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self::from_secret(secret))
    }

    /// A new key that nobody else has: 32 bytes from the system's random source.
    #[must_use]
    pub fn random() -> Self {
        // A v4 uuid has 122 random bits; three of them fill 256 with room to spare.
        let seed = (0..3).fold(Sha256::new(), |seed, _| {
            seed.chain_update(Uuid::new_v4().as_bytes())
        });
        Self::from_secret(&seed.finalize())
    }

    fn from_secret(secret: &[u8]) -> Self {
        Self {
            keyed: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"),
        }
    }

    /// Signs an order's terms at a moment.
    #[must_use]
    pub fn sign(&self, terms: &OrderTerms, now: Timestamp) -> String {
        let checksum = self.checksum(terms).finalize();
        let mut first = [0; CHECKSUM_BYTES];
        first.copy_from_slice(&checksum.as_bytes()[..CHECKSUM_BYTES]);
        let checksum = u64::from_be_bytes(first);
        format!("{PREFIX}:{checksum:016x}:{}", now.as_millisecond())
    }

    /// Checks a signature against the terms it came with; the comparison takes the same time wherever it differs.
    ///
    /// # Errors
    /// [`SignatureError`] for one that is malformed, stale or of other terms.
    pub fn verify(
        &self,
        terms: &OrderTerms,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let (checksum, made_ms) = parse(signature).ok_or(SignatureError::Malformed)?;
        self.checksum(terms)
            .verify_truncated_left(&checksum)
            .map_err(|_| SignatureError::Mismatch)?;
        let age_ms = i128::from(now.as_millisecond()) - i128::from(made_ms);
        if age_ms.unsigned_abs() > u128::from(VALID_MS) {
            return Err(SignatureError::Stale { age_ms });
        }
        Ok(())
    }

    fn checksum(&self, terms: &OrderTerms) -> Hmac<Sha256> {
        let text = serde_json::to_vec(terms).expect("terms are numbers and strings only");
        self.keyed.clone().chain_update(text)
    }
}

impl fmt::Debug for RiskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn parse(signature: &str) -> Option<([u8; CHECKSUM_BYTES], i64)> {
    let mut parts = signature.split(':');
    let (PREFIX, Some(digits), Some(made), None) =
        (parts.next()?, parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let mut checksum = [0; CHECKSUM_BYTES];
    if digits.len() != 2 * CHECKSUM_BYTES || made.is_empty() {
        return None;
    }
    for (byte, pair) in checksum.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    // `parse` alone would also take a sign.
    let plain = made.bytes().all(|digit| digit.is_ascii_digit());
    Some((checksum, made.parse().ok().filter(|_| plain)?))
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counterpart::gateway::scratch::Scratch;

    fn terms() -> OrderTerms {
        OrderTerms {
            price: 1.1,
            stop_loss: 0.0,
            symbol: "EURUSD".to_owned(),
            take_profit: 1.25,
            side: Side::Buy,
            volume: 0.01,
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn signed_text_is_compact_json_with_sorted_keys() {
        assert_eq!(
            serde_json::to_string(&terms()).unwrap(),
            r#"{"price":1.1,"sl":0.0,"symbol":"EURUSD","tp":1.25,"type":"BUY","volume":0.01}"#
        );
    }

    #[test]
    fn signature_matches_an_independent_hmac() {
        let key = RiskKey::from_secret(b"secret");
        assert_eq!(
            key.sign(&terms(), at(1_700_000_000_123)),
            "RISK_PASS:f7c729f021b0d6ec:1700000000123"
        );
    }

    #[test]
    fn fresh_signature_of_the_same_terms_is_accepted() {
        let key = RiskKey::random();
        for (made, read) in [(10_000, 10_000), (10_000, 15_000), (15_000, 10_000)] {
            let signature = key.sign(&terms(), at(made));
            assert_eq!(key.verify(&terms(), &signature, at(read)), Ok(()));
        }
    }

    #[test]
    fn signature_from_too_far_off_is_stale_in_both_directions() {
        let key = RiskKey::random();
        let signature = key.sign(&terms(), at(10_000));
        for (read, age_ms) in [(15_001, 5_001), (4_999, -5_001)] {
            assert_eq!(
                key.verify(&terms(), &signature, at(read)),
                Err(SignatureError::Stale { age_ms })
            );
        }
    }

    #[test]
    fn changing_any_signed_field_is_noticed() {
        let key = RiskKey::random();
        let signature = key.sign(&terms(), at(0));
        let changes: [fn(&mut OrderTerms); 6] = [
            |terms| terms.price = 1.2,
            |terms| terms.stop_loss = 1.0,
            |terms| terms.symbol.push('x'),
            |terms| terms.take_profit = 0.0,
            |terms| terms.side = Side::Sell,
            |terms| terms.volume = 0.02,
        ];
        for change in changes {
            let mut other = terms();
            change(&mut other);
            assert_eq!(
                key.verify(&other, &signature, at(0)),
                Err(SignatureError::Mismatch)
            );
        }
    }

    #[test]
    fn another_key_is_a_mismatch() {
        let signature = RiskKey::random().sign(&terms(), at(0));
        assert_eq!(
            RiskKey::random().verify(&terms(), &signature, at(0)),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn misshapen_signatures_are_refused() {
        let key = RiskKey::random();
        let good = key.sign(&terms(), at(1));
        for bad in [
            String::new(),
            good.replace("RISK_PASS", "RISK_FAIL"),
            "RISK_PASS:0123456789ABCDEF:1".to_owned(),
            format!("{good}:1"),
            good.replacen(':', "", 1),
            "RISK_PASS:0123456789abcde:1".to_owned(),
            "RISK_PASS:0123456789abcdeg:1".to_owned(),
            "RISK_PASS:0123456789abcdef:".to_owned(),
            "RISK_PASS:0123456789abcdef:+1".to_owned(),
            "RISK_PASS:0123456789abcdef:99999999999999999999".to_owned(),
        ] {
            assert_eq!(
                key.verify(&terms(), &bad, at(1)),
                Err(SignatureError::Malformed),
                "{bad}"
            );
        }
    }

    #[test]
    fn key_file_is_read_without_the_white_space_around_it() {
        let room = Scratch::new();
        let path = room.path("key");
        std::fs::write(&path, b" \nsecret\r\n").unwrap();
        let signature = RiskKey::from_file(&path).unwrap().sign(&terms(), at(0));
        assert_eq!(
            RiskKey::from_secret(b"secret").verify(&terms(), &signature, at(0)),
            Ok(())
        );
    }

    #[test]
    fn empty_and_missing_key_files_are_errors_that_name_the_file() {
        let room = Scratch::new();
        let path = room.path("key");
        let missing = RiskKey::from_file(&path).unwrap_err();
        assert!(matches!(missing, KeyError::Read { .. }));
        std::fs::write(&path, b" \n").unwrap();
        let empty = RiskKey::from_file(&path).unwrap_err();
        assert!(matches!(empty, KeyError::Empty { .. }));
        for error in [missing, empty] {
            assert!(error.to_string().contains(path.to_str().unwrap()));
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", RiskKey::from_secret(b"secret")), "***");
    }
}

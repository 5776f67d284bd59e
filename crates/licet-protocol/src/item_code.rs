//! Item codes: three digits in `v1.0`, four in `v1.1` so that nobody takes them for HTTP's.

use licet_core::ItemCode;

use crate::ApiVersion;

struct Row {
    code: ItemCode,
    v1_0: &'static str,
    v1_1: &'static str,
    description: &'static str,
}

const TABLE: [Row; 6] = [
    Row {
        code: ItemCode::Charged,
        v1_0: "101",
        v1_1: "1101",
        description: "Successfully checked out",
    },
    Row { code: ItemCode::NoStatus, v1_0: "102", v1_1: "1102", description: "No Status" },
    Row {
        code: ItemCode::NotPriced,
        v1_0: "201",
        v1_1: "1201",
        description: "Item not found in any effective rate table",
    },
    Row {
        code: ItemCode::NoLineItem,
        v1_0: "301",
        v1_1: "1301",
        description: "No valid active line items",
    },
    Row {
        code: ItemCode::DeniedByRules,
        v1_0: "305",
        v1_1: "1305",
        description: "Denied by rules of access",
    },
    Row {
        code: ItemCode::Insufficient,
        v1_0: "306",
        v1_1: "1306",
        description: "Insufficient elastic tokens available",
    },
];

fn row(code: ItemCode) -> &'static Row {
    // A test sees to it that every code has its row.
    TABLE.iter().find(|row| row.code == code).unwrap_or(&TABLE[1])
}

/// The code as a version of the API writes it.
#[must_use]
pub fn item_code(code: ItemCode, version: ApiVersion) -> &'static str {
    match version {
        ApiVersion::V1_0 => row(code).v1_0,
        ApiVersion::V1_1 => row(code).v1_1,
    }
}

/// What the code means, for people.
#[must_use]
pub fn describe(code: ItemCode) -> &'static str {
    row(code).description
}

/// Reads a code of either version; `None` if it is none of ours.
#[must_use]
pub fn read_item_code(text: &str) -> Option<ItemCode> {
    TABLE.iter().find(|row| row.v1_0 == text || row.v1_1 == text).map(|row| row.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_can_be_written_and_read_in_both_versions() {
        // The match makes a new code fail to compile until it is listed here.
        let all = [
            ItemCode::Charged,
            ItemCode::NoStatus,
            ItemCode::NotPriced,
            ItemCode::NoLineItem,
            ItemCode::DeniedByRules,
            ItemCode::Insufficient,
        ];
        for code in all {
            match code {
                ItemCode::Charged
                | ItemCode::NoStatus
                | ItemCode::NotPriced
                | ItemCode::NoLineItem
                | ItemCode::DeniedByRules
                | ItemCode::Insufficient => {}
            }
            let (short, long) =
                (item_code(code, ApiVersion::V1_0), item_code(code, ApiVersion::V1_1));
            assert_eq!(long, format!("1{short}"));
            assert_eq!(read_item_code(short), Some(code));
            assert_eq!(read_item_code(long), Some(code));
        }
        assert_eq!(read_item_code("200"), None);
    }
}

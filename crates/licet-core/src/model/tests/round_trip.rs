use proptest::prelude::*;

use super::{arbitrary::any_model, *};

/// Pieces of the language, put together without sense.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "model",
        "partitions",
        "partition",
        "on",
        "use",
        "without",
        "requested",
        "features",
        "all",
        "from",
        "accept",
        "continue",
        "deny",
        "max",
        "vendor",
        "string",
        "matches",
        "remainder",
        "hostid",
        "hostname",
        "dictionary",
        "any",
        "(",
        ")",
        "{",
        "}",
        ",",
        ":",
        "*",
        "%",
        "NOT",
        "AND",
        "||",
        "!",
        "\"p\"",
        "\"default\"",
        "\"\\\"",
        "~/a.*/",
        "~/(/",
        "~/\\/",
        "1.0",
        "10",
        "101",
        "99999999999999999999",
        "//",
        "/*",
        "*/",
        "\n",
        "“",
        "\u{feff}",
        "é",
        "&",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

/// Every error has its place within the text, and they come in its order.
fn check_errors(source: &str) -> Result<(), TestCaseError> {
    let Err(errors) = Model::parse(source) else { return Ok(()) };
    prop_assert!((1..=MAX_ERRORS).contains(&errors.iter().len()));
    let mut last = None;
    for error in errors.iter() {
        let line = source.split('\n').nth(error.line.get() - 1);
        let characters = line.map(|line| line.chars().count());
        prop_assert!(characters.is_some_and(|it| error.column.get() <= it + 1), "{error}");
        let place = (error.line, error.column);
        prop_assert!(last.is_none_or(|last| last < place), "{errors}");
        last = Some(place);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_is_read_again(model in any_model()) {
        let text = model.to_string();
        let again = Model::parse(&text).map_err(|errors| TestCaseError::fail(format!("{text}{errors}")))?;
        prop_assert_eq!(again.to_string(), text);
        prop_assert_eq!(again, model);
    }

    #[test]
    fn no_text_makes_the_parser_panic(source in any::<String>()) {
        check_errors(&source)?;
    }

    #[test]
    fn no_heap_of_pieces_makes_the_parser_panic(body in pieces()) {
        check_errors(&body)?;
        check_errors(&format!("model \"m\" {{ partitions {{ partition \"p\" {{ {body}"))?;
        check_errors(&format!("model \"m\" {{ {body} }}"))?;
    }

    #[test]
    fn a_model_with_something_amiss_does_not_make_the_parser_panic(
        model in any_model(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..30,
        put in prop_oneof![pieces(), any::<String>()],
    ) {
        let mut characters: Vec<char> = model.to_string().chars().collect();
        let start = at.index(characters.len());
        let end = (start + length).min(characters.len());
        characters.splice(start..end, put.chars());
        check_errors(&characters.into_iter().collect::<String>())?;
    }
}

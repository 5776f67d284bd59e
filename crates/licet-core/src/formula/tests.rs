use proptest::prelude::*;

use super::*;

fn given(variables: &[(&str, &str)]) -> Vec<(Box<str>, Decimal)> {
    let pair = |&(name, value): &(&str, &str)| (name.into(), value.parse().expect(value));
    variables.iter().map(pair).collect()
}

fn evaluate(source: &str, variables: &[(&str, &str)]) -> Result<String, EvaluationError> {
    let formula = Formula::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    formula.evaluate(&given(variables)).map(|rate| rate.to_string())
}

fn assert_values(table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(evaluate(source, &[]).as_deref(), Ok(*expected), "{source}");
    }
}

fn error_of(source: &str) -> String {
    Formula::parse(source).expect_err(source).to_string()
}

#[test]
fn operators_bind_as_usual() {
    assert_values(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("24 / 4 / 3", "2"),
        ("24 / 4 * 3", "18"),
        ("2 ^ 3 ^ 2", "512"),
        ("(2 ^ 3) ^ 2", "64"),
        ("2 * 3 ^ 2", "18"),
        ("10 + -2 ^ 2", "6"),
        ("(-2) ^ 2", "4"),
        ("2 ^ -1", "0.5"),
        ("--3", "3"),
        ("5 - -3", "8"),
        ("-2 * -3", "6"),
        ("-3 + 5", "2"),
        (" 4\t*\n.25 ", "1"),
        ("007.50", "7.5"),
    ]);
}

#[test]
fn functions_give_what_a_spreadsheet_gives() {
    assert_values(&[
        ("FLOOR.MATH(2.9)", "2"),
        ("10 + FLOOR.MATH(-2.1)", "7"),
        ("CEILING.MATH(2.1)", "3"),
        ("10 + CEILING.MATH(-2.9)", "8"),
        ("POWER(2, 10)", "1024"),
        ("PRODUCT(2, 3)", "6"),
        ("PRODUCT(2, 3, 4, 0.5)", "12"),
        ("SUM(1, 2)", "3"),
        ("SUM(1, 2, 3, -4)", "2"),
        ("ABS(-1.5)", "1.5"),
        ("MIN(3, 1, 2)", "1"),
        ("MAX(3, 1, 5, 2)", "5"),
        ("ROUND(2.345, 2)", "2.35"),
        ("ROUND(2.5, 0)", "3"),
        ("10 + ROUND(-2.5, -0)", "7"),
        ("ROUND(1250, -2)", "1300"),
        ("ROUND(49, -2)", "0"),
        ("ROUND(1.5, 4 / 2 - 2)", "2"),
        ("ROUND(5000000000, -10)", "10000000000"),
        ("ceiling.math (min(7, 2.5) * 2)", "5"),
    ]);
}

#[test]
fn decimals_are_exact_and_endless_quotients_do_no_harm() {
    assert_values(&[
        ("CEILING.MATH(0.1 * 3 * 10)", "3"),
        ("CEILING.MATH((0.1 + 0.2) * 10)", "3"),
        ("FLOOR.MATH(1 / 3 * 3)", "1"),
        ("CEILING.MATH(2 / 3 * 3)", "2"),
        ("ROUND(5 / 6 * 3, 0)", "3"),
        ("1 / 3 * 3 - 1", "0"),
        ("2 / 3", "0.666667"),
    ]);
}

#[test]
fn a_rate_is_rounded_half_to_even_to_six_decimals() {
    assert_values(&[
        ("0.0000005", "0"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("0.00000250000001", "0.000003"),
        ("-0.0000005", "0"),
        ("9223372036854.775807", "9223372036854.775807"),
    ]);
    assert_eq!(evaluate("9223372036854.775808", &[]), Err(EvaluationError::OutOfRange));
    assert_eq!(evaluate("-0.000001", &[]), Err(EvaluationError::Negative));
}

#[test]
fn powers() {
    assert_values(&[
        ("0 ^ 0", "1"),
        ("0 ^ 0.5", "0"),
        ("(-2) ^ 2", "4"),
        ("10 + (-2) ^ 3", "2"),
        ("(-1) ^ 1000", "1"),
        ("1.1 ^ 2.0", "1.21"),
        ("0.5 ^ -10", "1024"),
        ("0.1 ^ -12", "1000000000000"),
        ("10 ^ -29 * 5", "0"),
        ("1000 ^ -999.5", "0"),
        ("0.999 ^ 1000", "0.367695"),
        ("4 ^ 0.5", "2"),
        ("CEILING.MATH(8 ^ (1 / 3))", "2"),
        ("1000000 ^ 0.5", "1000"),
        ("4 ^ -0.5", "0.5"),
        ("2 ^ 0.5", "1.414214"),
        ("2 ^ 40.5", "1554944255987.737443"),
        ("1 ^ 0.3", "1"),
        // Tiny powers, whose digits must not exceed what a decimal holds.
        ("79228162514264337593543950335 ^ -0.39 + 0.0000000000000000000000000001", "0"),
    ]);
    for (source, expected) in [
        ("0 ^ -1", EvaluationError::NotANumber),
        ("0 ^ -0.5", EvaluationError::NotANumber),
        ("(-8) ^ 0.5", EvaluationError::NotANumber),
        ("POWER(-8, 0.5)", EvaluationError::NotANumber),
        ("10 ^ 29", EvaluationError::OutOfRange),
        ("0.1 ^ -29", EvaluationError::OutOfRange),
        ("0.001 ^ -999.5", EvaluationError::OutOfRange),
        ("1.5 ^ 999.5", EvaluationError::OutOfRange),
        ("1 ^ 1001", EvaluationError::OutOfRange),
        ("2 ^ 1000 ^ 1000", EvaluationError::OutOfRange),
    ] {
        assert_eq!(evaluate(source, &[]), Err(expected), "{source}");
    }
}

#[test]
fn variables_are_known_in_any_case() {
    let formula =
        Formula::parse("CEILING.MATH(Nodes * hours) * 4 + NODES * gpu.count_2").expect("a formula");
    assert_eq!(formula.variables().collect::<Vec<_>>(), ["nodes", "hours", "gpu.count_2"]);
    assert_eq!(formula.source(), "CEILING.MATH(Nodes * hours) * 4 + NODES * gpu.count_2");
    let mut variables = given(&[("NoDeS", "3"), ("HOURS", "1.5"), ("Gpu.Count_2", "2")]);
    assert_eq!(formula.evaluate(&variables).map(Tokens::micros), Ok(26_000_000));
    variables.extend(given(&[("nodes", "100"), ("unused", "1")]));
    assert_eq!(formula.evaluate(&variables).map(Tokens::micros), Ok(26_000_000));
}

#[test]
fn the_name_of_a_function_may_be_that_of_a_variable() {
    assert_eq!(evaluate("max(max, min)", &[("max", "2"), ("min", "3")]).as_deref(), Ok("3"));
}

#[test]
fn an_evaluation_error_says_what_a_customer_can_understand() {
    let message =
        |source: &str, variables: &[_]| evaluate(source, variables).expect_err(source).to_string();
    assert_eq!(message("Nodes * 2", &[("node", "1")]), "variable `nodes` was not given");
    assert_eq!(
        message("1 / (a - a)", &[("a", "0.1")]),
        "the formula divides by zero for these variables",
    );
    assert_eq!(
        message("-a", &[("a", "1")]),
        "the formula gives a negative rate for these variables"
    );
    assert_eq!(
        message("a * a", &[("a", "1000000000000000")]),
        "the formula gives too large a number for these variables",
    );
    for precision in ["11", "-11", "0.5", "79228162514264337593543950335"] {
        assert_eq!(
            message("ROUND(1, p)", &[("p", precision)]),
            "the precision of ROUND must be a whole number from -10 to 10",
        );
    }
}

#[test]
fn a_parse_error_names_column_found_and_expected() {
    const VALUE: &str = "a number, a variable, a function or `(`";
    const FUNCTION: &str = "one of the functions FLOOR.MATH, CEILING.MATH, POWER, PRODUCT, SUM, \
                            ABS, MIN, MAX and ROUND";
    for (source, column, found, expected) in [
        ("", 1, "the end", VALUE),
        ("  ", 3, "the end", VALUE),
        ("1 +", 4, "the end", VALUE),
        ("1 + * 2", 5, "`*`", VALUE),
        ("+1", 1, "`+`", VALUE),
        ("=1", 1, "`=`", VALUE),
        ("()", 2, "`)`", VALUE),
        ("1 2", 3, "`2`", "an operator or the end"),
        ("1e3", 2, "`e3`", "an operator or the end"),
        ("2nodes", 2, "`nodes`", "an operator or the end"),
        ("1.2.3", 4, "`.3`", "an operator or the end"),
        ("1)", 2, "`)`", "an operator or the end"),
        ("1 € 2", 3, "`€`", "an operator or the end"),
        ("größe € 2", 3, "`ö`", "an operator or the end"),
        ("a\u{7}", 2, "`\\u{7}`", "an operator or the end"),
        ("(1", 3, "the end", "an operator or `)`"),
        ("ABS(1, 2)", 6, "`,`", "an operator or `)`"),
        ("ABS()", 5, "`)`", VALUE),
        ("ROUND(1)", 8, "`)`", "an operator or `,`"),
        ("ROUND(1, 2, 3)", 11, "`,`", "an operator or `)`"),
        ("SUM(1)", 6, "`)`", "an operator or `,`"),
        ("SUM(1, 2; 3)", 9, "`;`", "an operator, `,` or `)`"),
        ("1 + FLOOR(2)", 5, "`FLOOR`", FUNCTION),
        ("1 + 5. ", 5, "`5.`", "a digit after the decimal point"),
        (".", 1, "`.`", "a digit after the decimal point"),
        (
            "1 * 79228162514264337593543950336",
            5,
            "`79228162514264337593543950336`",
            "a number of at most 28 digits",
        ),
    ] {
        let message = format!("column {column}: found {found}, expected {expected}");
        assert_eq!(error_of(source), message, "{source:?}");
    }
    let long = "x".repeat(100) + "(1)";
    assert!(error_of(&long).starts_with(&format!("column 1: found `{}…`", "x".repeat(40))));
}

#[test]
fn a_formula_is_bounded_in_length_depth_and_size() {
    let padded = |length: usize| format!("1{}", " ".repeat(length - 1));
    assert!(Formula::parse(&padded(1_000)).is_ok());
    assert_eq!(Formula::parse(&padded(1_001)), Err(FormulaError::TooLong));
    assert_eq!(Formula::parse(&"€".repeat(1_001)), Err(FormulaError::TooLong));

    let parentheses = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Formula::parse(&parentheses(32)).is_ok());
    for (deep, column) in [
        (parentheses(33), 34),
        ("-".repeat(33) + "1", 34),
        ("1^".repeat(33) + "1", 67),
        ("ABS(".repeat(33) + "1", 133),
        ("(".repeat(1_000), 34),
    ] {
        assert_eq!(Formula::parse(&deep), Err(FormulaError::TooDeep { column }), "{deep}");
    }

    let sum = |values: usize| vec!["1"; values].join("+");
    assert_eq!(evaluate(&sum(100), &[]).as_deref(), Ok("100"));
    assert_eq!(Formula::parse(&sum(101)), Err(FormulaError::TooLarge { column: 202 }));
    assert_eq!(error_of(&sum(500)), "column 202: more than 200 values and operations");
}

/// Texts that are mostly formulas, with brackets where they do not matter and where they do.
fn expression() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "2",
        "0.5",
        "1000",
        "10.25",
        "0.0000000000000000000000000001",
        "79228162514264337593543950335",
        "a",
        "B",
        "c.d",
    ]);
    number.prop_map(str::to_owned).prop_recursive(6, 60, 3, |inner| {
        let function = prop::sample::select(vec![
            "POWER",
            "product",
            "SUM",
            "MIN",
            "MAX",
            "ROUND",
            "FLOOR.MATH",
            "CEILING.MATH",
            "ABS",
        ]);
        let one = (function.clone(), inner.clone()).prop_map(|(f, x)| format!("{f}({x})"));
        let two =
            (function, inner.clone(), inner.clone()).prop_map(|(f, x, y)| format!("{f}({x}, {y})"));
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "^"]);
        let infix = (inner.clone(), operator, inner.clone())
            .prop_map(|(x, operator, y)| format!("{x} {operator} {y}"));
        let wrapped = inner.prop_map(|x| format!("-({x})"));
        prop_oneof![1 => one, 3 => two, 6 => infix, 1 => wrapped]
    })
}

fn any_decimal() -> impl Strategy<Value = Decimal> {
    let of_any_scale = (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0_u32..=28)
        .prop_map(|(low, mid, high, negative, scale)| {
            Decimal::from_parts(low, mid, high, negative, scale)
        });
    let small = (-2_000_i64..2_000, 0_u32..4).prop_map(|(value, scale)| Decimal::new(value, scale));
    prop_oneof![of_any_scale, small]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_makes_the_parser_panic(source in any::<String>()) {
        let _ = Formula::parse(&source);
    }

    #[test]
    fn no_text_of_formula_characters_makes_anything_panic(
        source in "[0-9aA.(), +*/^_\u{e9}-]{0,60}",
        a in any_decimal(),
    ) {
        if let Ok(formula) = Formula::parse(&source) {
            let _ = formula.evaluate(&[("a".into(), a)]);
        }
    }

    #[test]
    fn evaluation_is_never_negative_and_never_panics(
        source in expression(),
        a in any_decimal(),
        b in any_decimal(),
        c in any_decimal(),
    ) {
        let Ok(formula) = Formula::parse(&source) else { return Ok(()) };
        let variables = [("A".into(), a), ("b".into(), b), ("C.D".into(), c)];
        if let Ok(rate) = formula.evaluate(&variables) {
            prop_assert!(rate >= Tokens::ZERO);
        }
        prop_assert_eq!(Formula::parse(formula.source()), Ok(formula));
    }

    #[test]
    fn powers_of_anything_do_not_panic(base in any_decimal(), exponent in any_decimal()) {
        let formula = Formula::parse("base ^ exponent").expect("a formula");
        let _ = formula.evaluate(&[("base".into(), base), ("exponent".into(), exponent)]);
    }

    /// Against whole numbers of 128 bits.
    #[test]
    fn whole_numbers_come_out_exactly(
        a in 0_i64..1_000_000, b in 1_i64..1_000, c in 0_i64..1_000, n in 0_u32..4,
    ) {
        let formula = Formula::parse("a * b ^ n + FLOOR.MATH(c / b) - MIN(a, c)").expect("a formula");
        let value = |name: &str, value: i64| (name.into(), Decimal::from(value));
        let rate = formula.evaluate(&[
            value("a", a), value("b", b), value("c", c), value("n", n.into()),
        ]);
        let expected = i128::from(a) * i128::from(b).pow(n) + i128::from(c / b - a.min(c));
        let expected = i64::try_from(expected * 1_000_000);
        prop_assert_eq!(rate.map(Tokens::micros).ok(), expected.ok().filter(|rate| *rate >= 0));
    }
}

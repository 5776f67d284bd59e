use super::*;

/// The mistakes in a text, as `line:column+length message`.
fn mistakes(source: &str) -> Vec<String> {
    let errors = Model::parse(source).expect_err(source);
    let shown = |it: &ModelError| format!("{}:{}+{} {}", it.line, it.column, it.length, it.mistake);
    errors.iter().map(shown).collect()
}

/// The mistake in a text that has one.
fn mistake(source: &str) -> String {
    let all = mistakes(source);
    assert_eq!(all.len(), 1, "{source}\n{all:#?}");
    all[0].clone()
}

fn in_pool(features: &str) -> String {
    format!("model \"m\" {{ partitions {{ partition \"p\" {{\n{features}\n}} }} }}")
}

fn in_rule(rule: &str) -> String {
    format!("model \"m\" {{ partitions {{ partition \"eng\" {{}} }}\n{rule}\n}}")
}

#[test]
fn an_error_says_what_was_found_and_what_was_expected() {
    for (source, told) in [
        ("", "1:1+0 found the end, expected `model`"),
        ("model acme {}", "1:7+4 found `acme`, expected the name of the model in quotes"),
        ("model \"m\"", "1:10+0 found the end, expected a `{`"),
        ("model \"m\" {", "1:12+0 found the end, expected a `}`"),
        ("model \"m\" { x }", "1:13+1 found `x`, expected `on` and a condition, or a `}`"),
        ("model “m” {}", "1:7+1 this is a typographic quote; texts stand in straight ones: \""),
        (
            "model \"m\" {} model \"n\" {}",
            "1:14+5 the text goes on after the model's last brace; each text holds one model",
        ),
    ] {
        assert_eq!(mistake(source), told);
    }
}

#[test]
fn an_error_in_a_pool_says_how_to_mend_it() {
    for (features, told) in [
        (
            "\"f\" \"1.0\" 5",
            "2:5+5 found `\"1.0\"`, expected a version such as 2.0, without quotes (0 is any version)",
        ),
        (
            "f 60%",
            "2:5+1 found `%`, expected an amount after the version, such as 10, 60% or remainder",
        ),
        ("f 1.0 101%", "2:7+3 a percentage is a whole number from 0 to 100"),
        ("f 1.0 33.3%", "2:7+4 a percentage is a whole number from 0 to 100"),
        ("f 1.0 2.5", "2:7+3 a count is a whole number of at most 9223372036854775807"),
        (
            "f 1.0 9223372036854775808",
            "2:7+19 a count is a whole number of at most 9223372036854775807",
        ),
        (
            "f 1.2.3.4.5 1",
            "2:3+9 a version is one to four whole numbers with dots between them, such as 2.0",
        ),
        (
            "f 1.0 5 max 0",
            "2:13+1 max must be at least 1; leave the feature out of the pool if nobody may have it",
        ),
        ("f 1.0 5 max 1 max 2", "2:15+3 `max` stands here twice; keep one of them"),
        (
            "f 1.0 5 vendor matches \"a\"",
            "2:16+7 found `matches`, expected `string`, as in `vendor string matches`",
        ),
        ("\"\" 1.0 5", "2:1+2 a name must not be empty"),
        (
            "\"a\\n\" 1.0 5",
            "2:1+5 \"\\\\n\" has no meaning in a text; write \\\" for a quote and \\\\ for a backslash",
        ),
        ("\"a\tb\" 1.0 5", "2:1+5 a text must not contain control characters"),
        (
            "f 1.0 5 product name matches ~/(a/",
            "2:30+5 this regular expression cannot be read: unclosed group",
        ),
        (
            "f 1.0 5\n\"f\" 1 6",
            "3:1+3 the pool has feature \"f\" of this version in line 2 already; join them, or tell them apart by what they match",
        ),
        (
            "f 1.0 remainder\nf 1.1 5",
            "3:1+1 nothing is left of feature \"f\" here, as line 2 takes the remainder; put that one behind this",
        ),
    ] {
        assert_eq!(mistake(&in_pool(features)), told, "{features}");
    }
}

#[test]
fn an_error_in_a_rule_says_how_to_mend_it() {
    for (rule, told) in [
        (
            "on any() { use \"x\" }",
            "2:16+3 there is no pool \"x\"; define it in `partitions`, or name another",
        ),
        ("on any() { use \"ENG\" }", "2:16+5 there is no pool \"ENG\"; is \"eng\" meant?"),
        (
            "on any() { use \"Default\" }",
            "2:16+9 there is no pool \"Default\"; is \"default\" meant?",
        ),
        (
            "on any() { }",
            "2:12+1 the rule does nothing; say `use` and the names of pools, or `deny`",
        ),
        (
            "on any() { use \"eng\" deny }",
            "2:22+4 `deny` serves nothing; take out what stands before it, or write `accept`",
        ),
        ("on any { deny }", "2:8+1 found `{`, expected `()` after `any`"),
        (
            "on hostid() { deny }",
            "2:11+1 found `)`, expected a text in quotes, or a regular expression such as ~/eng-.*/",
        ),
        ("on hostid(\"a\" \"b\") { deny }", "2:15+3 found `\"b\"`, expected a `,` or a `)`"),
        (
            "on dictionary(\"a\") { deny }",
            "2:18+1 found `)`, expected a `:` and a value, or `*` for any value",
        ),
        ("on any() & any() { deny }", "2:10+1 found `&`, expected AND, OR or a `{`"),
        ("partitions { }", "2:1+10 partitions stand once in a model, before its rules"),
        (
            "on any() { accept use \"eng\" }",
            "2:19+3 found `use`, expected a `}`; a rule holds `use`, then `without requested features`, then `accept`, `continue` or `deny`",
        ),
    ] {
        assert_eq!(mistake(&in_rule(rule)), told, "{rule}");
    }
}

#[test]
fn names_that_are_taken_are_refused() {
    let reserved = mistake("model \"Reservations\" {}");
    assert!(reserved.starts_with("1:7+14 the name \"Reservations\" is reserved"), "{reserved}");
    assert!(mistake("model \"default\" {}").contains("reserved"));
    let default = mistake("model \"m\" { partitions { partition \"default\" {} } }");
    assert!(default.contains("give this pool another name"), "{default}");
    let twice = "model \"m\" { partitions { partition \"p\" {}\npartition \"p\" {} } }";
    assert!(mistake(twice).contains("there is a pool \"p\" in line 1 already"));
}

#[test]
fn features_alike_but_for_what_they_match_may_stand_in_one_pool() {
    let matching = |value: &str| format!("f 1.0 5 vendor string matches {value}\n");
    model(&in_pool(&(matching("\"a\"") + &matching("\"b\"") + &matching("~/c.*/"))));
    assert!(mistake(&in_pool(&(matching("\"a\"") + &matching("\"a\"")))).contains("already"));
    assert!(mistake(&in_pool(&(matching("\"a\"") + "f 1.0 5"))).contains("already"));
    model(&in_pool("f 1.0 5\nf 2.0 5\ng 1.0 5"));
}

#[test]
fn what_may_still_get_something_can_follow_a_remainder() {
    let with = |clause: &str| format!("f 1.0 remainder {clause}");
    model(&in_pool(&(with("vendor string matches \"a\"") + "\nf 2.0 5")));
    model(&in_pool("f 2.0 remainder\nf 1.0 5"));
    model(&in_pool("f 1.0 remainder\ng 1.0 5"));
    let pools = r#"partition "a" { f 1.0 remainder }
                   partition "b" { f 1.0 remainder vendor string matches "x" }"#;
    let text = format!("model \"m\" {{ partitions {{ {pools} }} }}");
    assert!(mistake(&text).contains("line 1 takes the remainder"));
}

#[test]
fn several_mistakes_are_told_at_once() {
    let source = r#"model "default" {
    partitions {
        partition "eng" {
            "a" 1.0 x
            "b" 1.0 200%
                max 2
            "c" 1.0 5
            "c" 1.0 6
        }
        partition "eng" { "d" 5 }
    }
    on hostname() { use "nowhere" accept }
    on hostname("a") {
        use "nobody"
        acept
    }
    on any() use "eng"
    on any() { use "nothing" deny }
}
"#;
    let places: Vec<String> = Model::parse(source)
        .expect_err("it is full of mistakes")
        .iter()
        .map(|error| format!("{}:{}", error.line, error.column))
        .collect();
    // The names in line 12 are behind a mistake and are not looked at.
    let expected = "1:7 4:21 5:21 8:13 10:19 10:33 12:17 14:13 15:9 17:14 18:20 18:30".split(' ');
    assert_eq!(places, expected.collect::<Vec<_>>());
}

#[test]
fn pools_behind_a_mistake_are_not_called_unknown() {
    let source = r#"model "m" { partitions { partition eng { } } on any() { use "eng" } }"#;
    assert_eq!(mistake(source), "1:36+3 found `eng`, expected the name of a pool in quotes");
    let source = r#"model "m" { partitions { partition "a" { f 1.0 } partition "b" {} }
                    on any() { use "a", "b" } }"#;
    assert_eq!(
        mistake(source),
        "1:48+1 found `}`, expected an amount after the version, such as 10, 60% or remainder"
    );
}

#[test]
fn what_is_not_closed_ends_the_reading() {
    for (source, told) in [
        (
            "model \"m { partitions {\n} x",
            "1:7+17 this quote is not closed on its line; end the text with \"",
        ),
        ("model \"m\\\" {", "1:7+6 this quote is not closed on its line; end the text with \""),
        (
            "model \"m\" { on hostid(~/a\\/) { deny }\n}",
            "1:23+15 this regular expression is not closed on its line; end it with /",
        ),
        ("model \"m\" { /* } }", "1:13+2 this comment is not closed; end it with */"),
    ] {
        assert_eq!(mistake(source), told);
    }
}

#[test]
fn columns_count_characters_and_long_tokens_are_cut() {
    assert!(mistake("model \"größe €\" x").starts_with("1:17+1 found `x`"));
    assert!(mistake("\r\n\r\n  x").starts_with("3:3+1 "));
    let long = mistake(&"x".repeat(100));
    assert!(long.starts_with(&format!("1:1+100 found `{}…`, ", "x".repeat(40))), "{long}");
    assert!(mistake("\u{7}").starts_with("1:1+1 found `\u{fffd}`"));
}

#[test]
fn a_model_is_bounded() {
    let padded = |length: usize| format!("model \"m\" {{}}{}", " ".repeat(length - 12));
    model(&padded(MAX_LENGTH));
    assert_eq!(mistake(&padded(MAX_LENGTH + 1)), "1:1+0 the model is longer than 262144 bytes");

    let pools = |count: usize| (0..count).map(|it| format!("partition \"{it}\" {{}}\n")).collect();
    let partitions = |pools: String| format!("model \"m\" {{ partitions {{ {pools} }} }}");
    model(&partitions(pools(MAX_POOLS)));
    let told = mistake(&partitions(pools(MAX_POOLS + 1)));
    assert!(told.ends_with("at most 200 pools in a model are possible"), "{told}");

    let features = |count: usize| (0..count).map(|it| format!("f{it} 1.0 1\n")).collect::<String>();
    model(&in_pool(&features(MAX_FEATURES)));
    assert!(mistake(&in_pool(&features(MAX_FEATURES + 1))).contains("2000 features in the pools"));

    let rules = |count: usize| "on any() { deny }\n".repeat(count);
    ruled(&rules(MAX_RULES));
    assert!(mistake(&in_rule(&rules(MAX_RULES + 1))).contains("500 rules"));

    let hosts = |count: usize| format!("on hostid({}) {{ deny }}", "\"a\",".repeat(count));
    ruled(&hosts(MAX_VALUES));
    assert!(mistake(&in_rule(&hosts(MAX_VALUES + 1))).contains("10000 tests and values"));

    let given = |count: usize| format!("on any() {{ use {} }}", vec!["\"eng\""; count].join(","));
    ruled(&given(MAX_GIVEN));
    assert!(mistake(&in_rule(&given(MAX_GIVEN + 1))).contains("1000 pools and features"));

    let name = |length: usize| format!("model \"{}\" {{}}", "ä".repeat(length));
    model(&name(MAX_NAME));
    assert!(mistake(&name(MAX_NAME + 1)).contains("at most 256 characters"));

    let text = format!("model \"m\" {{ {} }}", "on hostid() { deny }\n".repeat(100));
    assert_eq!(mistakes(&text).len(), MAX_ERRORS);
}

#[test]
fn conditions_are_nested_only_so_deep() {
    let nested = |open: &str, depth: usize, close: &str| {
        format!("on {}any(){} {{ deny }}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("(", ")"), ("NOT ", ""), ("!", ""), ("(NOT ", ")")] {
        let depth = MAX_DEPTH / open.matches(['(', 'N', '!']).count();
        ruled(&nested(open, depth, close));
        assert!(mistake(&in_rule(&nested(open, depth + 1, close))).contains("16 levels"), "{open}");
        assert!(mistake(&in_rule(&nested(open, 10_000, ""))).contains("16 levels"), "{open}");
    }
    // A chain is not nested.
    ruled(&format!("on {}any() {{ deny }}", "any() AND any() OR ".repeat(2_000)));
}

#[test]
fn regular_expressions_are_bounded() {
    let with = |pattern: &str| format!("on hostname(~/{pattern}/) {{ deny }}");
    ruled(&with(&"a".repeat(MAX_PATTERN)));
    assert!(mistake(&in_rule(&with(&"a".repeat(MAX_PATTERN + 1)))).contains("256 characters"));
    ruled(&with(r"(?i)[\w.-]+@acme\.example"));
    assert!(mistake(&in_rule(&with(r"(\w{50}){50}"))).contains("too much memory"));
    let many = |count: usize| with("a").repeat(count);
    ruled(&many(MAX_PATTERNS));
    assert!(mistake(&in_rule(&many(MAX_PATTERNS + 1))).contains("100 regular expressions"));
    // Neither closes the parentheses that are put around it.
    assert!(mistake(&in_rule(&with("a)|(b"))).contains("unopened group"));
    assert!(mistake(&in_rule(&with("(?x)a#"))).contains("cannot be read"));
}

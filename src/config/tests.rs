use super::*;

#[test]
fn an_empty_file_is_the_default_and_has_no_problems() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

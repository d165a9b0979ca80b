use super::*;

#[test]
fn forms_have_numbers() {
    for form in Form::ALL {
        assert_eq!(Form::from_number(form.number()), Some(form));
    }
    assert_eq!(Form::from_number(0), None);
}

#[test]
fn old_binary_is_answered_in_binary() {
    let form = |transport, protocol| Form::new(transport, protocol);
    let old = form(Transport::Framed, Protocol::OldBinary);
    assert!(old.reads(form(Transport::Framed, Protocol::Binary)));
    assert!(!old.reads(form(Transport::Framed, Protocol::Compact)));
    assert!(!old.reads(form(Transport::Unframed, Protocol::Binary)));
}

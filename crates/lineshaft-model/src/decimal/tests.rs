//! Decimals as they are written in maps: text in, text out.

use super::*;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text).expect(text)
}

fn rounding(mode: RoundingMode, places: u32) -> Rounding {
    Rounding { mode, places }
}

#[test]
fn what_is_a_decimal_keeps_its_zeros() {
    for (text, read) in [
        ("10.000", "10.000"),
        ("-1", "-1"),
        ("+0012.50", "12.50"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1e3", "1000"),
        ("1.50E-3", "0.00150"),
        ("1.5e1", "15"),
        ("-0.00", "0.00"),
        ("0e999", "0"),
        ("9999999999999999999999999999", "9999999999999999999999999999"),
        ("0000000000000000000000000000000000001.5", "1.5"),
    ] {
        assert_eq!(dec(text).to_string(), read, "{text}");
    }
}

#[test]
fn what_is_no_decimal_is_refused_by_name() {
    for text in ["", " ", "-", ".", "1.", "1,5", " 1", "NaN", "Infinity", "1e", "e3", "0x10", "1_000", "1.2.3", "١"] {
        assert_eq!(Decimal::parse(text), Err(DecimalError::NotADecimal(text.to_owned())), "{text:?}");
    }
    for text in ["10000000000000000000000000000", "0.12345678901234567890123456789", "1e28", "1e-29", "1e999999999999"]
    {
        assert_eq!(Decimal::parse(text), Err(DecimalError::TooManyDigits), "{text:?}");
    }
    assert_eq!(
        DecimalError::TooManyDigits.to_string() + &DecimalError::NotADecimal("1,5".into()).to_string(),
        "more than 28 digits are needed\"1,5\" is not a decimal"
    );
}

#[test]
fn sums_and_products_are_exact_or_fail() {
    assert_eq!(dec("0.1").plus(dec("0.2")).map(|sum| sum.to_string()), Ok("0.3".into()));
    assert_eq!(dec("10.000").plus(dec("2")).map(|sum| sum.to_string()), Ok("12.000".into()));
    assert_eq!(dec("1.10").minus(dec("1.1")).map(|sum| sum.to_string()), Ok("0.00".into()));
    assert_eq!(dec("1.10").times(dec("2.0")).map(|product| product.to_string()), Ok("2.200".into()));
    assert_eq!(dec("0.00").times(dec("2.0")).map(|product| product.to_string()), Ok("0.000".into()));
    let great = dec("9999999999999999999999999999");
    assert_eq!(great.plus(dec("1")), Err(DecimalError::TooManyDigits));
    assert_eq!(great.plus(dec("0.1")), Err(DecimalError::TooManyDigits));
    assert_eq!(great.times(great), Err(DecimalError::TooManyDigits));
    assert_eq!(
        dec("1000000000000000").times(dec("0.0000000000001")).map(|p| p.to_string()),
        Ok("100.0000000000000".into())
    );
}

#[test]
fn quotients_have_the_declared_places() {
    let half_up = |places| rounding(RoundingMode::HalfUp, places);
    for (left, right, places, result) in [
        ("10", "4", 3, "2.500"),
        ("10", "3", 4, "3.3333"),
        ("20", "3", 0, "7"),
        ("-20", "3", 2, "-6.67"),
        ("0.005", "1", 2, "0.01"),
        ("1", "0.00000001", 0, "100000000"),
        ("0.0000000000000000000000000001", "9999999999999999999999999999", 2, "0.00"),
        ("-1", "1000", 2, "0.00"),
    ] {
        let quotient = dec(left).divided_by(dec(right), half_up(places)).map(|quotient| quotient.to_string());
        assert_eq!(quotient, Ok(result.to_owned()), "{left} / {right}");
    }
    assert_eq!(dec("1").divided_by(dec("0.00"), half_up(2)), Err(DecimalError::DivisionByZero));
    assert_eq!(dec("1").divided_by(dec("3"), half_up(29)), Err(DecimalError::TooManyDigits));
    assert_eq!(dec("12345").divided_by(dec("1"), half_up(28)), Err(DecimalError::TooManyDigits));
}

#[test]
fn every_mode_rounds_as_its_name_says() {
    let table = [
        ("2.5", ["3", "2", "3", "2", "3", "2"]),
        ("3.5", ["4", "4", "4", "3", "4", "3"]),
        ("-2.5", ["-3", "-2", "-3", "-2", "-2", "-3"]),
        ("2.1", ["2", "2", "3", "2", "3", "2"]),
        ("2.9", ["3", "3", "3", "2", "3", "2"]),
        ("-2.1", ["-2", "-2", "-3", "-2", "-2", "-3"]),
        ("2.0", ["2", "2", "2", "2", "2", "2"]),
    ];
    for (text, results) in table {
        for ((name, mode), result) in RoundingMode::ALL.into_iter().zip(results) {
            let rounded = dec(text).rounded(rounding(mode, 0)).map(|rounded| rounded.to_string());
            assert_eq!(rounded, Ok(result.to_owned()), "{text} {name}");
            assert_eq!(RoundingMode::from_text(name), Some(mode));
        }
    }
    assert_eq!(dec("1.5").rounded(rounding(RoundingMode::Down, 3)).map(|r| r.to_string()), Ok("1.500".into()));
}

#[test]
fn order_is_by_value() {
    assert!(dec("9") < dec("10"));
    assert!(dec("-1") < dec("0.0"));
    assert_eq!(dec("1.0"), dec("1.00"));
    assert!(dec("9999999999999999999999999999") > dec("0.0000000000000000000000000001"));
}

#[test]
fn fractions_apply_exactly_or_with_a_declared_rounding() {
    let third = Rational::new(2, 6).expect("third");
    assert_eq!((third.numerator(), third.denominator()), (1, 3));
    assert_eq!(Rational::new(1, -2).map(|half| (half.numerator(), half.denominator())), Ok((-1, 2)));
    assert_eq!(Rational::new(1, 0), Err(DecimalError::DivisionByZero));
    assert_eq!(third.apply(dec("9.0"), None).map(|third| third.to_string()), Ok("3.0".into()));
    assert_eq!(third.apply(dec("1"), None), Err(DecimalError::NeedsRounding));
    let two = rounding(RoundingMode::HalfUp, 2);
    assert_eq!(third.apply(dec("2"), Some(two)).map(|third| third.to_string()), Ok("0.67".into()));
    let eighth = Rational::from_decimal(dec("0.125")).expect("eighth");
    assert_eq!(eighth.apply(dec("1.0"), None).map(|eighth| eighth.to_string()), Ok("0.125".into()));
    let greatest = Rational::new(i128::MAX, 1).expect("greatest");
    assert_eq!(greatest.times(Rational::new(2, 1).expect("two")), Err(DecimalError::TooManyDigits));
    assert_eq!(greatest.times(Rational::new(1, i128::MAX).expect("inverse")), Ok(Rational::ONE));
    assert_eq!(Rational::ONE.divided_by(third).map(|three| three.numerator()), Ok(3));
}

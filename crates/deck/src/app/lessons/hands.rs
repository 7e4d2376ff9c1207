//! A show of hands, typed as numbers.

/// How many chose each of this many options, as it was typed: `3 12 1`. Missing ones at the end are 0.
pub fn counts(line: &str, options: usize) -> Result<Vec<u32>, String> {
    const MOST: u32 = 10_000;
    let numbers = line.split([' ', ',', ';', '/']).filter(|word| !word.is_empty());
    let numbers: Result<Vec<u32>, String> = numbers
        .map(|word| match word.parse() {
            Ok(number) if number <= MOST => Ok(number),
            _ => Err(format!("\"{word}\" is not a number of hands from 0 to {MOST}")),
        })
        .collect();
    let mut numbers = numbers?;
    if numbers.is_empty() || numbers.len() > options {
        return Err(format!("type how many chose each of the {options} answers, such as: 3 12 1"));
    }
    numbers.resize(options, 0);
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_are_read_in_the_order_of_the_answers() {
        assert_eq!(counts("3 12 1", 4), Ok(vec![3, 12, 1, 0]));
        assert_eq!(counts(" 3, 12 ,1,0 ", 4), Ok(vec![3, 12, 1, 0]));
        for wrong in ["", "a b", "1 2 3 4 5", "-1", "99999999999"] {
            assert!(counts(wrong, 4).is_err(), "{wrong}");
        }
    }
}

//! Ports that browsers refuse to connect to, and so does `fetch` in Node.js: the Fetch standard's list of bad ports
//! (<https://fetch.spec.whatwg.org/#bad-port>). Their users see an error that does not mention this node.

const BAD: [u16; 82] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Another port is proposed so far above one that is refused: the next ones may be those of other nodes.
const ASIDE: u16 = 1000;

/// Ports below need privileges that the user may not have.
const FREE_FOR_ALL: u16 = 8000;

/// What to say of a node that serves HTTP on this port. `taken` has its other ports.
pub(crate) fn warning(http: u16, taken: &[u16]) -> Option<String> {
    if !is_refused(http) {
        return None;
    }
    let first = (http + ASIDE).max(FREE_FOR_ALL);
    let other = (first..=u16::MAX).find(|port| !is_refused(*port) && !taken.contains(port))?;
    Some(format!(
        "browsers, and fetch in Node.js, refuse to connect to port {http}, where HTTP is served: choose another one, such as --http \
         {other}"
    ))
}

fn is_refused(port: u16) -> bool {
    BAD.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_as_the_search_needs_it() {
        assert!(BAD.is_sorted());
    }

    #[test]
    fn a_port_that_browsers_refuse_is_told_with_one_that_they_take() {
        for fine in [0, 80, 443, 3000, 8080, 11080, 50051] {
            assert_eq!(warning(fine, &[]), None);
        }
        let proposed = |http, taken: &[u16]| {
            let warning = warning(http, taken).expect("it is refused");
            warning.rsplit_once(' ').expect("it ends with a port").1.to_owned()
        };
        assert_eq!(proposed(10_080, &[7080, 8080]), "11080");
        assert_eq!(proposed(10_080, &[11_080, 12_080]), "11081");
        assert_eq!(proposed(22, &[]), "8000");
        assert_eq!(proposed(6665, &[]), "8000");
    }
}

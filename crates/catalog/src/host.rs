//! Which hosts a visitor may be sent to: inside somebody's network or not, and the form in which allowed hosts are compared.
//!
//! In: host names as people write them. Out: their IDNA form, or why not. Not here: URLs (`template`), deep links (`edge`).
//! Start at [`allowed_host`].

use std::net::IpAddr;

use url::{Host, Url};

use crate::template::UrlFault;

/// The longest name of a host in DNS, and a port.
const HOST_BYTES_MAX: usize = 253 + 6;

/// An entry of `allowed_hosts` in the form that [`crate::Offer::allows_host`] compares: IDNA, lower case, a port only where given.
pub(crate) fn allowed_host(text: &str, allow_local: bool) -> Result<Box<str>, UrlFault> {
    let bad = || UrlFault::Host(text.to_owned());
    let (dot, rest) = text.strip_prefix('.').map_or(("", text), |rest| (".", rest));
    let forbidden = |it: char| it.is_control() || it.is_whitespace() || "/\\@?#{}*%".contains(it);
    if rest.is_empty() || rest.len() > HOST_BYTES_MAX || rest.contains(forbidden) {
        return Err(bad());
    }
    let url = Url::parse(&format!("http://{rest}/")).map_err(|_| bad())?;
    let host = url.host().ok_or_else(bad)?.to_owned();
    if !allow_local && is_local(&host) {
        return Err(UrlFault::Local(host.to_string()));
    }
    let name = host.to_string();
    let is_domain = matches!(host, Host::Domain(_));
    if name.ends_with('.') || (!dot.is_empty() && !is_domain) {
        return Err(bad());
    }
    // `Url` leaves out port 80, the default of the scheme we lent it.
    let port = url.port().or_else(|| rest.ends_with(":80").then_some(80));
    Ok(port.map_or_else(|| format!("{dot}{name}"), |port| format!("{dot}{name}:{port}")).into())
}

/// Inside somebody's network: not a shop that visitors can reach.
#[must_use]
pub fn is_local(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            ["localhost", "local", "internal"]
                .iter()
                .any(|it| name.strip_suffix(it).is_some_and(|head| head.is_empty() || head.ends_with('.')))
        }
        Host::Ipv4(ip) => is_local_ip(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => is_local_ip(IpAddr::V6(*ip)),
    }
}

fn is_local_ip(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second); // RFC 6598, carriers' NAT
            let special = ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || first == 0;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared || special
        }
        IpAddr::V6(ip) => {
            let embedded = ip.to_ipv4_mapped().is_some_and(|v4| is_local_ip(IpAddr::V4(v4)));
            let special = ip.is_unspecified() || ip.is_multicast();
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || special || embedded
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_hosts_are_compared_in_one_form() {
        let cases = [
            ("Shop.Example", Some("shop.example")),
            (".shop.example", Some(".shop.example")),
            ("shop.example:8443", Some("shop.example:8443")),
            ("shop.example:80", Some("shop.example:80")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("shop.example.", None),
            ("https://shop.example", None),
            ("*.shop.example", None),
            ("user@shop.example", None),
            ("shop.example/path", None),
            ("", None),
            (".", None),
            (".10.0.0.1", None),
            ("10.0.0.1", None),
            ("0x7f000001", None),
            ("2130706433", None),
            ("[::ffff:10.0.0.1]", None),
            ("localhost", None),
            ("db.internal", None),
        ];
        for (text, want) in cases {
            assert_eq!(allowed_host(text, false).ok().as_deref(), want, "{text}");
        }
        assert_eq!(allowed_host("127.0.0.1:9000", true).ok().as_deref(), Some("127.0.0.1:9000"));
    }
}

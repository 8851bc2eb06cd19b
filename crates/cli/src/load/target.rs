//! Where requests go: a URL taken apart once, with the place of the request's number.
//!
//! In: URLs and headers as typed. Out: an address and a path each. Only this machine, unless its owner agreed. Start at [`all`].

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail, ensure};
use hyper::{
    Request, Uri,
    header::{HOST, HeaderMap, HeaderName, HeaderValue},
};

use super::client::NoBody;

/// What stands for the request's number.
const NUMBER: &str = "{number}";

/// One URL.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Of the first address that the host name has.
    pub(super) address: SocketAddr,
    path: String,
    headers: HeaderMap,
}

/// Takes all URLs apart.
pub(super) fn all(urls: &[String], headers: &[String], allow_remote: bool) -> anyhow::Result<Vec<Target>> {
    let headers = headers.iter().map(|it| header(it)).collect::<anyhow::Result<HeaderMap>>()?;
    urls.iter().map(|url| Target::new(url, &headers, allow_remote).with_context(|| url.clone())).collect()
}

impl Target {
    fn new(url: &str, headers: &HeaderMap, allow_remote: bool) -> anyhow::Result<Self> {
        let Apart { address, host, path } = Apart::new(url, allow_remote)?;
        let mut headers = headers.clone();
        headers.entry(HOST).or_insert(HeaderValue::from_str(&host).context("the host is not one")?);
        let target = Self { address, path, headers };
        target.request(0).context("the path is not one: spaces and the like must be percent-encoded")?;
        Ok(target)
    }

    /// The request of a number.
    pub(super) fn request(&self, number: u64) -> anyhow::Result<Request<NoBody>> {
        let path: Uri = self.path.replace(NUMBER, &number.to_string()).parse()?;
        let mut request = Request::new(NoBody::new());
        *request.uri_mut() = path;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// A URL taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Apart {
    /// The first address that the host name has.
    pub(crate) address: SocketAddr,
    /// With its port, where one is given.
    pub(crate) host: String,
    /// And query.
    pub(crate) path: String,
}

impl Apart {
    /// Only this machine, unless its owner agreed.
    pub(crate) fn new(url: &str, allow_remote: bool) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("the URL must begin with http://; give the port behind the proxy that ends TLS");
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(start);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let with_port = if host.rsplit(':').next().is_some_and(|it| it.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let addresses: Vec<SocketAddr> =
            with_port.to_socket_addrs().with_context(|| format!("{host} has no address"))?.collect();
        let address = *addresses.first().with_context(|| format!("{host} has no address"))?;
        ensure!(
            allow_remote || addresses.iter().all(|it| it.ip().is_loopback()),
            "{host} is not this machine; with --allow-remote it is sent to all the same"
        );
        Ok(Self { address, host: host.to_owned(), path })
    }
}

fn header(text: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let bad = || format!("--header {text:?}: NAME: VALUE is wanted");
    let (name, value) = text.split_once(':').with_context(bad)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).with_context(bad)?;
    Ok((name, HeaderValue::from_str(value.trim()).with_context(bad)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> anyhow::Result<Target> {
        Target::new(url, &HeaderMap::new(), false)
    }

    #[test]
    fn the_number_takes_its_place_and_the_host_goes_along() {
        let target = target("http://127.0.0.1:8080/c/tea?sub1={number}&n={number}#part").unwrap();
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        let request = target.request(17).unwrap();
        assert_eq!(request.uri(), "/c/tea?sub1=17&n=17");
        assert_eq!(request.headers()[HOST], "127.0.0.1:8080");
    }

    #[test]
    fn a_bare_host_means_port_80_and_the_root() {
        let target = target("http://127.0.0.1?a=1").unwrap();
        assert_eq!((target.address.port(), target.path.as_str()), (80, "/?a=1"));
    }

    #[test]
    fn other_machines_and_schemes_are_refused_with_a_reason() {
        for (url, want) in [
            ("http://192.0.2.1/c/x", "--allow-remote"),
            ("https://127.0.0.1/c/x", "http://"),
            ("http://127.0.0.1/c/a b", "percent-encoded"),
        ] {
            let error = format!("{:#}", target(url).unwrap_err());
            assert!(error.contains(want), "{url}: {error}");
        }
        assert!(Target::new("http://192.0.2.1/c/x", &HeaderMap::new(), true).is_ok());
        assert!(header("no colon").is_err());
    }
}

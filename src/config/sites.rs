//! Which listeners there are, and what the clients of each are told, from the configuration.
//!
//! A listener has a name; several addresses may have the same one. `listener.security.protocol.map` says what is spoken
//! on it, `advertised.listeners` where its clients come back to.
//!
//! Always true: what is served is plain TCP; a listener that is to be anything else refuses the start. An address that
//! clients could not dial is not advertised.
//! Not done: the listeners of Kafka's controllers: nothing listens there.

use std::sync::Arc;

use super::address::{Address, Endpoint};
use super::Config;
use crate::base::{Error, Result};

/// What connections by one address of a listener have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The address in the configuration.
    pub address: Address,
    /// Where clients are told to come back to; `None`: to the address that they dialled.
    pub advertised: Option<Endpoint>,
}

/// What clients of a Kafka dial that takes over: values of its keys.
pub struct Listeners {
    /// `listeners`, without the controller's
    pub served: String,
    /// `advertised.listeners`
    pub advertised: String,
    /// `inter.broker.listener.name`
    pub first: String,
}

/// The listeners for clients as a Kafka that takes over has them: one address of each name, since a name has one there. What
/// it could not start with is refused.
pub fn for_kafka(config: &Config) -> Result<Listeners> {
    let mut sites: Vec<Arc<Site>> = Vec::new();
    for site in parse(config)?.0 {
        if !sites.iter().any(|known| known.address.listener == site.address.listener) {
            sites.push(site);
        }
    }
    let advertised = |site: &Arc<Site>| {
        let Site { address, advertised } = &**site;
        match advertised {
            Some(endpoint) => Ok(format!("{}://{endpoint}", address.listener)),
            None if ["0.0.0.0", "::"].contains(&address.endpoint.host.as_str()) => Err(Error::unusable(
                format!("{address} says no address that clients could dial, and Kafka does not start without one"),
                format!("add one such as --set advertised.listeners={}://broker.example:9092", address.listener),
            )),
            None => Ok(address.to_string()),
        }
    };
    Ok(Listeners {
        served: sites.iter().map(|site| site.address.to_string()).collect::<Vec<_>>().join(","),
        advertised: sites.iter().map(advertised).collect::<Result<Vec<_>>>()?.join(","),
        first: sites[0].address.listener.clone(),
    })
}

/// The listeners for clients, in the order of the configuration; and the addresses that are a controller's.
pub fn parse(config: &Config) -> Result<(Vec<Arc<Site>>, Vec<Address>)> {
    if !config.text("process.roles").split(',').any(|role| role == "broker") {
        let cause = format!("process.roles={}: there is no controller here", config.text("process.roles"));
        return Err(Error::unusable(cause, "one broker needs none; start the broker alone"));
    }
    let controllers = config.text("controller.listener.names").to_uppercase();
    let is_controllers = |address: &Address| controllers.split(',').any(|name| name.trim() == address.listener);
    let all = Address::parse_list(config.text("listeners"))?;
    let advertised = Address::parse_list(config.text("advertised.listeners"))?;
    let told: Vec<&Address> = advertised.iter().filter(|told| !is_controllers(told)).collect();
    check_advertised(&told, &all)?;
    let (unserved, served): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controllers);
    if served.is_empty() {
        return Err(Error::unusable(
            "listeners has none for clients",
            "give it one, such as PLAINTEXT://127.0.0.1:9092",
        ));
    }
    let protocols = config.text("listener.security.protocol.map");
    served.iter().try_for_each(|address| check_protocol(address, protocols))?;
    let site = |address: Address| {
        let told = advertised.iter().find(|told| told.listener == address.listener);
        Arc::new(Site { advertised: told.map(|told| told.endpoint.clone()), address })
    };
    Ok((served.into_iter().map(site).collect(), unserved))
}

fn check_advertised(advertised: &[&Address], listeners: &[Address]) -> Result<()> {
    for (index, told) in advertised.iter().enumerate() {
        let refuse =
            |why: &str, mend: String| Err(Error::unusable(format!("advertised.listeners={told}: {why}"), mend));
        if !listeners.iter().any(|address| address.listener == told.listener) {
            let mut names: Vec<&str> = listeners.iter().map(|address| address.listener.as_str()).collect();
            names.dedup();
            let mend = format!("listeners has {}; use one of these names", names.join(", "));
            return refuse("no listener has this name", mend);
        }
        if ["", "0.0.0.0", "::"].contains(&told.endpoint.host.as_str()) {
            return refuse(
                "clients cannot dial this",
                "give the host that they dial, or leave the listener out".into(),
            );
        }
        if advertised[..index].iter().any(|earlier| earlier.listener == told.listener) {
            return refuse("this listener is advertised already", "give each listener one address".into());
        }
    }
    Ok(())
}

/// Refuses a listener that is to speak anything but plain TCP.
fn check_protocol(address: &Address, map: &str) -> Result<()> {
    let listener = &address.listener;
    let mut rows = map.split(',').filter_map(|row| row.trim().split_once(':'));
    match rows.find(|(name, _)| name.trim().to_uppercase() == *listener) {
        Some((_, protocol)) if protocol.trim().eq_ignore_ascii_case("PLAINTEXT") => Ok(()),
        Some((_, protocol)) => Err(Error::unusable(
            format!("listener {address} is to speak {protocol}: there is no encryption and no authentication here"),
            format!("let a TLS terminator in front do that, and map {listener}:PLAINTEXT"),
        )),
        None => Err(Error::unusable(
            format!("listener {address}: listener.security.protocol.map does not say what it speaks"),
            format!("add {listener}:PLAINTEXT to it"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn sites(pairs: &[&str]) -> Result<(Vec<Arc<Site>>, Vec<Address>)> {
        let mut config = Config::default();
        pairs.iter().try_for_each(|pair| config.set_pair(pair, Source::File))?;
        parse(&config)
    }

    const MAP: &str = "listener.security.protocol.map=INSIDE:PLAINTEXT,outside:PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT";

    #[test]
    fn each_listener_has_the_address_of_its_name() {
        let (served, unserved) = sites(&[
            MAP,
            "listeners=INSIDE://:1,OUTSIDE://:2,CONTROLLER://:3,INSIDE://[::1]:4",
            "advertised.listeners=outside://broker.example:5",
            "controller.listener.names=CONTROLLER",
        ])
        .unwrap();
        let told: Vec<_> = served.iter().map(|site| site.advertised.as_ref().map(Endpoint::to_string)).collect();
        assert_eq!(told, [None, Some("broker.example:5".to_string()), None]);
        assert_eq!(unserved.iter().map(Address::to_string).collect::<Vec<_>>(), ["CONTROLLER://:3"]);
    }

    #[test]
    fn a_kafka_that_takes_over_gets_one_address_of_each_name_and_what_its_clients_dial() {
        let listeners = |pairs: &[&str]| {
            let mut config = Config::default();
            pairs.iter().try_for_each(|pair| config.set_pair(pair, Source::File)).unwrap();
            for_kafka(&config).map(|found| (found.served, found.advertised, found.first))
        };
        let default = "PLAINTEXT://127.0.0.1:9092".to_string();
        assert_eq!(listeners(&[]).unwrap(), (default.clone(), default, "PLAINTEXT".to_string()));
        let two =
            ["listeners=INSIDE://10.0.0.1:1,OUTSIDE://0.0.0.0:2", "advertised.listeners=OUTSIDE://broker.example:5"];
        assert_eq!(
            listeners(&[MAP, two[0], two[1]]).unwrap(),
            (
                "INSIDE://10.0.0.1:1,OUTSIDE://0.0.0.0:2".to_string(),
                "INSIDE://10.0.0.1:1,OUTSIDE://broker.example:5".to_string(),
                "INSIDE".to_string()
            )
        );
        let refused = listeners(&[MAP, two[0]]).unwrap_err().to_string();
        assert!(
            refused.contains("OUTSIDE://0.0.0.0:2") && refused.contains("advertised.listeners=OUTSIDE"),
            "{refused}"
        );
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_its_mend() {
        for (pairs, says) in [
            (&["listeners=SSL://:1"][..], &["SSL://:1", "TLS terminator", "SSL:PLAINTEXT"][..]),
            (&[MAP, "listeners=TLS://:1"], &["TLS://:1 is to speak SSL", "TLS:PLAINTEXT"]),
            (&["listeners=SASL_PLAINTEXT://:1"], &["SASL_PLAINTEXT", "no authentication"]),
            (&["listeners=INSIDE://:1"], &["INSIDE", "add INSIDE:PLAINTEXT"]),
            (&["listeners="], &["none for clients"]),
            (&["controller.listener.names=PLAINTEXT"], &["none for clients"]),
            (&["process.roles=controller"], &["process.roles", "no controller"]),
            (&["advertised.listeners=OUTSIDE://a:1"], &["OUTSIDE", "listeners has PLAINTEXT"]),
            (&["advertised.listeners=0.0.0.0:1"], &["0.0.0.0:1", "cannot dial"]),
            (
                &[MAP, "listeners=INSIDE://:1", "advertised.listeners=b:2"],
                &["PLAINTEXT://b:2", "listeners has INSIDE"],
            ),
            (&["advertised.listeners=:1"], &["cannot dial"]),
            (&["advertised.listeners=a:1,b:2"], &["PLAINTEXT://b:2", "already"]),
        ] {
            let error = sites(pairs).unwrap_err().to_string();
            says.iter().for_each(|part| assert!(error.contains(part), "{pairs:?}: no {part:?} in {error}"));
        }
    }
}

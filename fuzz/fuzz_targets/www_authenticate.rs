#![no_main]

sallyport_fuzz::fuzz!("www_authenticate");

#![no_main]

sallyport_fuzz::fuzz!("client_document");

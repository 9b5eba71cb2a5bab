#![no_main]

sallyport_fuzz::fuzz!("audit_manifest");

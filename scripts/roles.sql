-- The two roles that migrations expect: the owner migrates, the app serves, and neither may step around row-level security.
create role sallyport_owner login nosuperuser nobypassrls nocreatedb nocreaterole;
create role sallyport_app login nosuperuser nobypassrls nocreatedb nocreaterole;

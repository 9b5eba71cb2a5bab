mod rls;

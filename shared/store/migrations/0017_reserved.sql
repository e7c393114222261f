-- Stands in for another branch's migration of this number; goes when that one is merged.
SELECT 1;

-- An insert is at most 32 MiB, so what the sink writes is a compact part: 8 files instead of 177, each with its fsync (measured: 400,000 clicks in
-- 8 inserts took 0.6 s of processor time instead of 1.1). Parts merged from them become wide as before.

ALTER TABLE clicks_log MODIFY SETTING min_bytes_for_wide_part = 67108864;

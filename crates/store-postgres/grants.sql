-- What a worker's user needs, no more. The tables belong to the user who made them; replace the schema and the user.
GRANT USAGE ON SCHEMA velostream TO velostream_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON velostream.entry TO velostream_worker;
GRANT SELECT, INSERT, UPDATE ON velostream.shared_set TO velostream_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON velostream.shared_member, velostream.shared_id TO velostream_worker;
GRANT SELECT ON velostream.format TO velostream_worker;

BEGIN TRANSACTION;
CREATE TABLE counts (
  job INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, bytes INTEGER NOT NULL, stored INTEGER NOT NULL,
  resent INTEGER NOT NULL,
  PRIMARY KEY (job, state)
) WITHOUT ROWID;
INSERT INTO "counts" VALUES(0,0,2,5242980,2097152,0);
INSERT INTO "counts" VALUES(0,1,1,100,0,0);
INSERT INTO "counts" VALUES(0,2,1,100,0,0);
INSERT INTO "counts" VALUES(0,3,1,100,0,0);
INSERT INTO "counts" VALUES(0,4,1,100,0,0);
INSERT INTO "counts" VALUES(0,5,1,100,0,0);
INSERT INTO "counts" VALUES(0,6,1,100,100,0);
INSERT INTO "counts" VALUES(1,0,2,5242980,2097152,0);
INSERT INTO "counts" VALUES(1,1,1,100,0,0);
INSERT INTO "counts" VALUES(1,2,1,100,0,0);
INSERT INTO "counts" VALUES(1,3,1,100,0,0);
INSERT INTO "counts" VALUES(1,4,1,100,0,0);
INSERT INTO "counts" VALUES(1,5,1,100,0,0);
INSERT INTO "counts" VALUES(1,6,2,200,200,0);
CREATE TABLE editRows (
  edit INTEGER NOT NULL, upload INTEGER NOT NULL, state INTEGER NOT NULL, held TEXT, priority INTEGER NOT NULL,
  hidden INTEGER NOT NULL, nextTry INTEGER, made INTEGER NOT NULL,
  PRIMARY KEY (edit, upload)
) WITHOUT ROWID;
INSERT INTO "editRows" VALUES(1,3,0,NULL,1,0,NULL,2);
CREATE TABLE edits (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL, by TEXT, isUndone INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "edits" VALUES(1,1790000000000,'pause','cli',0);
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, upload INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL
);
INSERT INTO "events" VALUES(1,1,1790000000000,'start','begun');
CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO "grdb_migrations" VALUES('1 queue');
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  submission TEXT NOT NULL UNIQUE,
  isScanning INTEGER NOT NULL,
  dest TEXT NOT NULL,
  scope TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  target TEXT NOT NULL,
  options TEXT NOT NULL,
  sources TEXT NOT NULL,
  added INTEGER NOT NULL,
  refusedCount INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "jobs" VALUES(1,'submission-1',0,'oss://b/','test','http://127.0.0.1:9','{"addressing":"path","bucket":"bucket","endpoint":"http://127.0.0.1:9","existing":"overwrite","isKey":false,"mayRead":true,"prefix":"","region":"cn-test","scope":"test"}','{}','["@FILES@"]',1790000000000,1);
INSERT INTO "jobs" VALUES(2,'submission-2',1,'oss://b/','test','http://127.0.0.1:9','{"addressing":"path","bucket":"bucket","endpoint":"http://127.0.0.1:9","existing":"overwrite","isKey":false,"mayRead":true,"prefix":"","region":"cn-test","scope":"test"}','{}','["@FILES@/late"]',1790000000000,0);
CREATE TABLE ledger (
  bucket TEXT NOT NULL, key TEXT NOT NULL, uploadID TEXT NOT NULL, target TEXT NOT NULL, upload INTEGER, since INTEGER NOT NULL,
  PRIMARY KEY (bucket, key, uploadID)
) WITHOUT ROWID;
INSERT INTO "ledger" VALUES('bucket','given up','UPLOAD9','{"addressing":"path","bucket":"bucket","endpoint":"http://127.0.0.1:9","existing":"overwrite","isKey":false,"mayRead":true,"prefix":"","region":"cn-test","scope":"test"}',NULL,1790000000000);
INSERT INTO "ledger" VALUES('bucket','large','UPLOAD1','{"addressing":"path","bucket":"bucket","endpoint":"http://127.0.0.1:9","existing":"overwrite","isKey":false,"mayRead":true,"prefix":"","region":"cn-test","scope":"test"}',1,1790000000000);
CREATE TABLE parts (
  upload INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, crc64 INTEGER,
  PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE refused (job INTEGER NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (job, path)) WITHOUT ROWID;
INSERT INTO "refused" VALUES(1,'@FILES@/pipe','it is a pipe');
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "settings" VALUES('limit.parts','3');
CREATE TABLE uploads (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL,
  path TEXT NOT NULL,
  key TEXT NOT NULL,
  size INTEGER NOT NULL,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  state INTEGER NOT NULL,
  hidden INTEGER NOT NULL DEFAULT 0,
  held TEXT,
  priority INTEGER NOT NULL,
  position INTEGER NOT NULL,
  stored INTEGER NOT NULL DEFAULT 0,
  resent INTEGER NOT NULL DEFAULT 0,
  tries INTEGER NOT NULL DEFAULT 0,
  added INTEGER NOT NULL,
  started INTEGER,
  finished INTEGER,
  nextTry INTEGER,
  error TEXT,
  etag TEXT,
  crc64 INTEGER,
  isVerified INTEGER,
  phase TEXT NOT NULL DEFAULT 'fresh',
  partSize INTEGER NOT NULL,
  uploadID TEXT,
  partsStored INTEGER NOT NULL DEFAULT 0,
  completeSent INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "uploads" VALUES(1,1,'@FILES@/large','large',5242880,0,1,0,0,0,NULL,1,0,2097152,0,0,1790000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'sending',1048576,'UPLOAD1',2,0);
INSERT INTO "uploads" VALUES(2,1,'@FILES@/held','held',100,0,2,0,1,0,'credentials',1,0,0,0,0,1790000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(3,1,'@FILES@/paused','paused',100,0,3,0,2,0,NULL,1,0,0,0,0,1790000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(4,1,'@FILES@/failed','failed',100,0,4,0,3,0,NULL,1,0,0,0,0,1790000000000,NULL,1790000001000,NULL,'{"at":{"milliseconds":1790000000000},"code":"AccessDenied","http":403,"message":"denied","request":"0123456789ABCDEF"}',NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(5,1,'@FILES@/cancelled','cancelled',100,0,5,0,4,0,NULL,1,0,0,0,0,1790000000000,NULL,4000000000000,NULL,NULL,NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(6,1,'@FILES@/skipped','skipped',100,0,6,0,5,0,NULL,1,0,0,0,0,1790000000000,NULL,4000000000000,NULL,NULL,NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(7,1,'@FILES@/done','done',100,0,7,0,6,0,NULL,1,0,100,0,0,1790000000000,NULL,4000000000000,NULL,NULL,NULL,NULL,NULL,'done',1048576,NULL,1,0);
INSERT INTO "uploads" VALUES(8,1,'@FILES@/queued','queued',100,0,8,0,0,0,NULL,1,0,0,0,0,1790000000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'fresh',1048576,NULL,0,0);
INSERT INTO "uploads" VALUES(9,1,'@FILES@/hidden','hidden',100,0,9,0,6,1,NULL,1,0,100,0,0,1790000000000,NULL,4000000000000,NULL,NULL,NULL,NULL,NULL,'done',1048576,NULL,1,0);
CREATE INDEX jobsByScope ON jobs(scope);
CREATE INDEX jobsScanning ON jobs(isScanning) WHERE isScanning = 1;
CREATE UNIQUE INDEX uploadsByKey ON uploads(job, key);
CREATE INDEX uploadsInOrder ON uploads(hidden, state, priority, position);
CREATE INDEX uploadsBySize ON uploads(hidden, size);
CREATE INDEX uploadsFinished ON uploads(finished) WHERE finished IS NOT NULL;
CREATE INDEX uploadsWaiting ON uploads(nextTry) WHERE nextTry IS NOT NULL;
CREATE INDEX ledgerByUpload ON ledger(upload);
CREATE INDEX eventsByUpload ON events(upload, id);
CREATE TRIGGER uploadAdded AFTER INSERT ON uploads BEGIN
  INSERT INTO counts (job, state, n, bytes, stored, resent)
    SELECT new.job, new.state, 1, new.size, new.stored, new.resent WHERE 1
    ON CONFLICT (job, state) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes, stored = stored + excluded.stored,
      resent = resent + excluded.resent;
  INSERT INTO counts (job, state, n, bytes, stored, resent)
    SELECT 0, new.state, 1, new.size, new.stored, new.resent WHERE new.hidden = 0
    ON CONFLICT (job, state) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes, stored = stored + excluded.stored,
      resent = resent + excluded.resent;
END;
CREATE TRIGGER uploadDeleted AFTER DELETE ON uploads BEGIN
  UPDATE counts SET n = n - 1, bytes = bytes - old.size, stored = stored - old.stored, resent = resent - old.resent
    WHERE job = old.job AND state = old.state AND 1;
  UPDATE counts SET n = n - 1, bytes = bytes - old.size, stored = stored - old.stored, resent = resent - old.resent
    WHERE job = 0 AND state = old.state AND old.hidden = 0;
END;
CREATE TRIGGER uploadChanged AFTER UPDATE OF state, hidden, size, stored, resent ON uploads BEGIN
  UPDATE counts SET n = n - 1, bytes = bytes - old.size, stored = stored - old.stored, resent = resent - old.resent
    WHERE job = old.job AND state = old.state AND 1;
  UPDATE counts SET n = n - 1, bytes = bytes - old.size, stored = stored - old.stored, resent = resent - old.resent
    WHERE job = 0 AND state = old.state AND old.hidden = 0;
  INSERT INTO counts (job, state, n, bytes, stored, resent)
    SELECT new.job, new.state, 1, new.size, new.stored, new.resent WHERE 1
    ON CONFLICT (job, state) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes, stored = stored + excluded.stored,
      resent = resent + excluded.resent;
  INSERT INTO counts (job, state, n, bytes, stored, resent)
    SELECT 0, new.state, 1, new.size, new.stored, new.resent WHERE new.hidden = 0
    ON CONFLICT (job, state) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes, stored = stored + excluded.stored,
      resent = resent + excluded.resent;
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
INSERT INTO "sqlite_sequence" VALUES('uploads',9);
INSERT INTO "sqlite_sequence" VALUES('events',1);
INSERT INTO "sqlite_sequence" VALUES('edits',1);
COMMIT;

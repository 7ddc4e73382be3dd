"""The SQL of the offline queue, by name; the tables are in `schema.sql`."""

TALLY = "SELECT status, COUNT(*), SUM(charge) FROM tickets GROUP BY status"

BY_KEY = "SELECT id, digest FROM tickets WHERE key = ?"

INSERT = """
INSERT INTO tickets (id, status, request_id, model, class_name, labels, reason, key, digest,
                     created_s, due_s, sweep_s, body_bytes, charge)
VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_ENVELOPE = "INSERT INTO envelopes (seq, data) VALUES (?, ?)"
INSERT_ANSWER = "INSERT INTO answers (seq, data) VALUES (?, ?)"
DELETE_ENVELOPE = "DELETE FROM envelopes WHERE seq = ?"
DELETE_ANSWER = "DELETE FROM answers WHERE seq = ?"
DELETE = "DELETE FROM tickets WHERE seq = ?"

FIND = """
SELECT id, status, request_id, model, class_name, labels, created_s, due_s, ended_s, tries, reason,
       body_bytes, (SELECT data FROM answers WHERE answers.seq = tickets.seq)
FROM tickets WHERE id = ?
"""
LIST = """
SELECT id, status, request_id, model, class_name, labels, created_s, due_s, ended_s, tries, reason,
       body_bytes, NULL
FROM tickets WHERE seq > ? ORDER BY seq LIMIT ?
"""
LIST_STATUS = """
SELECT id, status, request_id, model, class_name, labels, created_s, due_s, ended_s, tries, reason,
       body_bytes, NULL
FROM tickets WHERE seq > ? AND status = ? ORDER BY seq LIMIT ?
"""
SEQ = "SELECT seq FROM tickets WHERE id = ?"
OLDEST_PENDING = """
SELECT MIN(created_s) FROM (
    SELECT * FROM (SELECT created_s, seq FROM tickets WHERE status = 'queued' ORDER BY seq LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT created_s, seq FROM tickets WHERE status = 'running' ORDER BY seq LIMIT 1)
)
"""

DUE = """
SELECT seq, id, status, token, tries, envelopes.data FROM tickets JOIN envelopes USING (seq)
WHERE ended_s IS NULL AND due_s <= ? AND sweep_s > ? ORDER BY due_s, seq LIMIT ?
"""
ORPHANED = "UPDATE tickets SET status = 'queued', due_s = created_s WHERE status = 'running'"
"""Claims of the owner before: it is gone, and its tokens with it."""

LEASE = "UPDATE tickets SET status = 'running', token = ?, tries = ?, due_s = ? WHERE seq = ?"
HELD = """
SELECT seq, status, charge, created_s, reason FROM tickets WHERE id = ? AND token = ? AND status = 'running'
"""
EXTEND = "UPDATE tickets SET due_s = ? WHERE id = ? AND token = ? AND status = 'running'"
RELEASE = "UPDATE tickets SET status = 'queued', due_s = ?, reason = ? WHERE seq = ?"
PENDING = """
SELECT seq, status, charge FROM tickets WHERE id = ? AND ended_s IS NULL
"""
END = "UPDATE tickets SET status = ?, ended_s = ?, sweep_s = ?, reason = ?, charge = ? WHERE seq = ?"

OVERDUE = """
SELECT seq, status, charge FROM tickets
WHERE ended_s IS NULL AND sweep_s <= ? AND (status = 'queued' OR due_s <= ?) ORDER BY sweep_s, seq LIMIT ?
"""
OUTLIVED = """
SELECT tickets.seq, status, charge, sweep_s, answers.seq IS NOT NULL
FROM tickets LEFT JOIN answers USING (seq)
WHERE ended_s IS NOT NULL AND sweep_s <= ? ORDER BY sweep_s, tickets.seq LIMIT ?
"""
SURPLUS = "SELECT seq, status, charge FROM tickets WHERE ended_s IS NOT NULL ORDER BY sweep_s, seq LIMIT ?"
TOMBSTONE = "UPDATE tickets SET sweep_s = ?, charge = 0 WHERE seq = ?"

REDRIVABLE = "SELECT seq, status, charge FROM tickets WHERE status = ? ORDER BY seq LIMIT ?"
REDRIVABLE_NAMED = "SELECT seq, status, charge FROM tickets WHERE id = ? AND status IN ('dead', 'expired')"
REDRIVE = """
UPDATE tickets SET status = 'queued', due_s = ?, sweep_s = ?, ended_s = NULL, tries = 0 WHERE seq = ?
"""
ENDED_BEFORE = "SELECT seq, status, charge FROM tickets WHERE status = ? AND ended_s <= ? LIMIT ?"

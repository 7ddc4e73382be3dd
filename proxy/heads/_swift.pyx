# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The twin of `request.py`, `answer.py` and `writing.py`: the same results, from one pass over the bytes.

Never reads outside the bytes it is given, writes only into bytes that it has just made, of a size counted first.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    FIELDS_MAX = 100
    NAME_BYTES_MAX = 64
    NUMBER_BYTES_MAX = 24

cdef enum Kind:
    PASSED
    DROPPED
    HOST
    OURS
    LENGTH
    ODD
    CODED

cdef unsigned char TOKEN[256]   # characters of a field's name
cdef unsigned char TARGET[256]  # characters of a plain target
cdef int place_
for place_ in range(256):
    TOKEN[place_] = TARGET[place_] = 0
for place_ in b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
    TOKEN[place_] = 1
for place_ in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.~%:@!$&'()*+,;=?-":
    TARGET[place_] = 1

cdef bytes GET = b"GET", POST = b"POST", HEAD = b"HEAD", DELETE = b"DELETE"


cdef struct Span:
    const char* at
    Py_ssize_t size


cdef struct Field:
    Span line           # without its end
    char key[NAME_BYTES_MAX]  # the name in lower case
    Py_ssize_t key_size
    Span value


cdef inline bint is_(const Field* field, const char* name, Py_ssize_t size) noexcept:
    return field.key_size == size and memcmp(field.key, name, size) == 0


cdef inline bint begins(const Field* field, const char* name, Py_ssize_t size) noexcept:
    return field.key_size >= size and memcmp(field.key, name, size) == 0


cdef const char* head_end(const char* at, Py_ssize_t size) noexcept:
    """Where the empty line begins (at the CRLF that ends the last line), or NULL."""
    cdef const char* last = at + size - 4
    cdef const char* found
    while at <= last:
        found = <const char*>memchr(at, b"\r", last - at + 1)
        if found == NULL:
            return NULL
        if memcmp(found, b"\r\n\r\n", 4) == 0:
            return found
        at = found + 1
    return NULL


cdef const char* line_end(const char* at, const char* end) noexcept:
    """Where the line ends: at a CRLF, or at `end`."""
    cdef const char* found
    while at < end:
        found = <const char*>memchr(at, b"\r", end - at)
        if found == NULL:
            return end
        if found + 1 < end and found[1] == b"\n":
            return found
        at = found + 1
    return end


cdef bint split(Field* field, const char* at, const char* end) noexcept:
    """Take a line apart; False where it is not exactly `Name: value` in plain characters."""
    cdef Py_ssize_t size = 0
    cdef unsigned char c
    cdef const char* place
    field.line.at, field.line.size = at, end - at
    while at + size < end and size < NAME_BYTES_MAX and TOKEN[<unsigned char>at[size]]:
        c = <unsigned char>at[size]
        field.key[size] = <char>(c + 32 if 65 <= c <= 90 else c)
        size += 1
    field.key_size = size
    if size == 0 or end - at < size + 3 or at[size] != b":" or at[size + 1] != b" ":
        return False
    field.value.at, field.value.size = at + size + 2, end - at - size - 2
    if field.value.at[0] == b" " or (end - 1)[0] == b" ":
        return False
    place = field.value.at
    while place < end:
        c = <unsigned char>place[0]
        if c < 32 or c == 127:
            return False
        place += 1
    return True


cdef bint is_keep_alive(const Field* field) noexcept:
    cdef int place
    if field.value.size != 10:
        return False
    for place in range(10):
        if (<unsigned char>field.value.at[place] | 32) != <unsigned char>b"keep-alive"[place]:
            return False
    return field.value.at[4] == b"-"


cdef long long number(const Field* field) noexcept:
    """The value as a length; -1 where it is not written as one."""
    cdef long long found = 0
    cdef Py_ssize_t place
    cdef unsigned char c
    if field.value.size > 12 or (field.value.size > 1 and field.value.at[0] == b"0"):
        return -1
    for place in range(field.value.size):
        c = <unsigned char>field.value.at[place]
        if c < 48 or c > 57:
            return -1
        found = found * 10 + (c - 48)
    return found


cdef Kind hop_kind(const Field* field) noexcept:
    """ODD for fields of one hop, DROPPED for a harmless one, PASSED for all others."""
    if is_(field, b"connection", 10):
        return DROPPED if is_keep_alive(field) else ODD
    if (
        is_(field, b"keep-alive", 10)
        or is_(field, b"te", 2)
        or is_(field, b"trailer", 7)
        or is_(field, b"upgrade", 7)
        or is_(field, b"transfer-encoding", 17)
        or begins(field, b"proxy-", 6) and (
            is_(field, b"proxy-authenticate", 18)
            or is_(field, b"proxy-authorization", 19)
            or is_(field, b"proxy-connection", 16)
        )
    ):
        return ODD
    return PASSED


cdef Kind request_kind(const Field* field) noexcept:
    if is_(field, b"host", 4):
        return HOST
    if is_(field, b"content-length", 14):
        return LENGTH
    if is_(field, b"expect", 6) or is_(field, b"http2-settings", 14):
        return ODD
    if (
        begins(field, b"penstock-", 9)
        or is_(field, b"x-request-id", 12)
        or is_(field, b"prefer", 6)
        or is_(field, b"idempotency-key", 15)
    ):
        return OURS
    if is_(field, b"content-encoding", 16) or is_(field, b"inference-header-content-length", 31):
        return CODED
    return hop_kind(field)


cdef Kind answer_kind(const Field* field) noexcept:
    if is_(field, b"content-length", 14):
        return LENGTH
    if is_(field, b"keep-alive", 10) or begins(field, b"penstock-", 9) or is_(field, b"x-request-id", 12):
        return DROPPED
    return hop_kind(field)


cdef bytes joined(const Span* spans, int count):
    """The lines one after the other, each with its end."""
    cdef Py_ssize_t size = 0
    cdef int place
    for place in range(count):
        size += spans[place].size + 2
    cdef bytes block = PyBytes_FromStringAndSize(NULL, size)
    cdef char* to = PyBytes_AS_STRING(block)
    for place in range(count):
        memcpy(to, spans[place].at, spans[place].size)
        to += spans[place].size
        to[0], to[1] = b"\r", b"\n"
        to += 2
    return block


cdef class RequestReader:
    """See `request.RequestReader`."""

    cdef Py_ssize_t head_bytes_max, target_bytes_max
    cdef int fields_max

    def __init__(self, Py_ssize_t head_bytes_max, Py_ssize_t target_bytes_max, int fields_max):
        self.fields_max = min(fields_max, <int>FIELDS_MAX)
        self.head_bytes_max = head_bytes_max
        self.target_bytes_max = target_bytes_max

    def read(self, bytes data not None):
        """See `request.RequestReader.read`."""
        cdef const char* begin = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef const char* end = head_end(begin, size)
        if end == NULL or end - begin > self.head_bytes_max:
            return None
        cdef const char* at = line_end(begin, end)
        cdef bytes method = None
        cdef Py_ssize_t target_at = 0
        if at - begin > 4 and memcmp(begin, b"GET ", 4) == 0:
            method, target_at = GET, 4
        elif at - begin > 5 and memcmp(begin, b"POST ", 5) == 0:
            method, target_at = POST, 5
        elif at - begin > 5 and memcmp(begin, b"HEAD ", 5) == 0:
            method, target_at = HEAD, 5
        elif at - begin > 7 and memcmp(begin, b"DELETE ", 7) == 0:
            method, target_at = DELETE, 7
        else:
            return None
        cdef const char* target = begin + target_at
        cdef Py_ssize_t target_size = at - target - 9
        if target_size < 1 or target_size > self.target_bytes_max or memcmp(at - 9, b" HTTP/1.1", 9) != 0:
            return None
        if target[0] != b"/":
            return None
        cdef Py_ssize_t place
        for place in range(target_size):
            if not TARGET[<unsigned char>target[place]]:
                return None
        return self.fields(data, at, end, method, PyBytes_FromStringAndSize(target, target_size))

    cdef tuple fields(self, bytes data, const char* at, const char* end, bytes method, bytes target):
        cdef Span kept[FIELDS_MAX]
        cdef Field field
        cdef Kind kind
        cdef int count = 0, passed = 0, hosts = 0
        cdef bint coded = False
        cdef long long length = -1
        cdef dict ours = {}
        cdef bytes key
        cdef const char* last
        while at < end:
            at += 2
            last = line_end(at, end)
            count += 1
            if count > self.fields_max or not split(&field, at, last):
                return None
            kind = request_kind(&field)
            if kind == PASSED or kind == CODED:
                kept[passed] = field.line
                passed += 1
                coded = coded or kind == CODED
            elif kind == OURS:
                key = PyBytes_FromStringAndSize(field.key, field.key_size)
                if key in ours:
                    return None
                ours[key] = PyBytes_FromStringAndSize(field.value.at, field.value.size)
            elif kind == HOST:
                hosts += 1
            elif kind == LENGTH:
                if length >= 0:
                    return None
                length = number(&field)
                if length < 0:
                    return None
            elif kind == ODD:
                return None
            at = last
        if hosts != 1:
            return None
        if length < 0:
            length = 0
        cdef Py_ssize_t body_at = end - PyBytes_AS_STRING(data) + 4
        if PyBytes_GET_SIZE(data) - body_at > length:
            return None
        return method, target, joined(kept, passed), ours, length, body_at, coded


cdef class AnswerReader:
    """See `answer.AnswerReader`."""

    cdef Py_ssize_t head_bytes_max

    def __init__(self, Py_ssize_t head_bytes_max):
        self.head_bytes_max = head_bytes_max

    def read(self, bytes data not None):
        """See `answer.AnswerReader.read`."""
        cdef const char* begin = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef const char* end = head_end(begin, size)
        if end == NULL or end - begin > self.head_bytes_max:
            return None
        cdef const char* at = line_end(begin, end)
        cdef Py_ssize_t first = at - begin
        if first < 13 or first > 93 or memcmp(begin, b"HTTP/1.1 ", 9) != 0 or begin[12] != b" ":
            return None
        cdef int status = 0, place
        for place in range(9, 12):
            if begin[place] < b"0" or begin[place] > b"9":
                return None
            status = status * 10 + (begin[place] - 48)
        if status < 200 or status > 599 or status == 204 or status == 304:
            return None
        for place in range(13, <int>first):
            if begin[place] < 32 or begin[place] > 126:
                return None
        return self.fields(data, at, end, status)

    cdef tuple fields(self, bytes data, const char* at, const char* end, int status):
        cdef Span kept[FIELDS_MAX]
        cdef Field field
        cdef Kind kind
        cdef int count = 0, passed = 0
        cdef long long length = -1
        cdef const char* last
        while at < end:
            at += 2
            last = line_end(at, end)
            count += 1
            if count > FIELDS_MAX or not split(&field, at, last):
                return None
            kind = answer_kind(&field)
            if kind == PASSED:
                kept[passed] = field.line
                passed += 1
            elif kind == LENGTH:
                if length >= 0:
                    return None
                length = number(&field)
                if length < 0:
                    return None
            elif kind == ODD:
                return None
            at = last
        cdef Py_ssize_t body_at = end - PyBytes_AS_STRING(data) + 4
        if length < PyBytes_GET_SIZE(data) - body_at:
            return None
        return status, joined(kept, passed), length, body_at


cdef inline char* put(char* to, const char* from_, Py_ssize_t size) noexcept:
    memcpy(to, from_, size)
    return to + size


cdef inline char* put_bytes(char* to, bytes from_) noexcept:
    return put(to, PyBytes_AS_STRING(from_), PyBytes_GET_SIZE(from_))


cdef char* put_number(char* to, long long value) noexcept:
    """In decimal; 0 for what is negative."""
    cdef char digits[NUMBER_BYTES_MAX]
    cdef int place = NUMBER_BYTES_MAX
    if value < 0:
        value = 0
    while True:
        place -= 1
        digits[place] = <char>(48 + value % 10)
        value = value // 10
        if value == 0:
            return put(to, digits + place, NUMBER_BYTES_MAX - place)


cdef char* put_thousandths(char* to, double seconds) noexcept:
    """Milliseconds with three decimals."""
    cdef long long micros = <long long>(seconds * 1000000 + 0.5)
    to = put_number(to, micros // 1000)
    to[0] = b"."
    to[1] = <char>(48 + micros // 100 % 10)
    to[2] = <char>(48 + micros // 10 % 10)
    to[3] = <char>(48 + micros % 10)
    return to + 4


cdef Span text(object value) except *:
    """UTF-8, kept by the string itself."""
    cdef Span span
    span.at = PyUnicode_AsUTF8AndSize(value, &span.size)
    return span


def write_request_head(
    bytes method not None, bytes path not None, bytes host not None, str request_id not None,
    long long left_ms, long long rank, bytes block not None, long long length,
):
    """See `writing.write_request_head`."""
    cdef Span id_ = text(request_id)
    cdef Py_ssize_t most = (
        len(method) + len(path) + len(host) + id_.size + len(block) + 4 * NUMBER_BYTES_MAX + 112
    )
    cdef bytes head = PyBytes_FromStringAndSize(NULL, most)
    cdef char* begin = PyBytes_AS_STRING(head)
    cdef char* to = put_bytes(begin, method)
    to = put(to, b" ", 1)
    to = put_bytes(to, path)
    to = put(to, b" HTTP/1.1\r\nHost: ", 17)
    to = put_bytes(to, host)
    to = put(to, b"\r\nX-Request-Id: ", 16)
    to = put(to, id_.at, id_.size)
    to = put(to, b"\r\nPenstock-Deadline-Ms: ", 24)
    to = put_number(to, left_ms)
    to = put(to, b"\r\n", 2)
    if rank >= 0:
        to = put(to, b"Penstock-Rank: ", 15)
        to = put_number(to, rank)
        to = put(to, b"\r\n", 2)
    to = put_bytes(to, block)
    if length >= 0:
        to = put(to, b"Content-Length: ", 16)
        to = put_number(to, length)
        to = put(to, b"\r\n", 2)
    to = put(to, b"\r\n", 2)
    return head[: to - begin]


def write_attempt(str application not None, long long tier, object outcome, double elapsed_s):
    """See `writing.write_attempt`."""
    cdef Span name = text(application), how = text(outcome)
    cdef long long tenths = <long long>(elapsed_s * 10000 + 0.5)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, name.size + how.size + 2 * NUMBER_BYTES_MAX + 32)
    cdef char* begin = PyBytes_AS_STRING(out)
    cdef char* to = put(begin, name.at, name.size)
    to = put(to, b";tier=", 6)
    to = put_number(to, tier)
    to = put(to, b";outcome=", 9)
    to = put(to, how.at, how.size)
    to = put(to, b";ms=", 4)
    to = put_number(to, tenths // 10)
    to[0] = b"."
    to[1] = <char>(48 + tenths % 10)
    return out[: to + 2 - begin]


def write_answer_head(
    bytes start not None, bytes block not None, str request_id not None, long long generation,
    tuple labels not None, str application not None, long long tier, bytes attempts not None,
    bytes further not None, double rest_s, double called_s, long long length, bint keep_alive,
):
    """See `writing.write_answer_head`."""
    cdef Span id_ = text(request_id), name = text(application), each
    cdef Py_ssize_t most = (
        len(start) + len(block) + id_.size + name.size + len(attempts) + len(further) + 6 * NUMBER_BYTES_MAX + 256
    )
    cdef str label
    for label in labels:
        most += text(label).size + 2
    cdef bytes head = PyBytes_FromStringAndSize(NULL, most)
    cdef char* begin = PyBytes_AS_STRING(head)
    cdef char* to = put_bytes(begin, start)
    to = put_bytes(to, block)
    to = put_bytes(to, further)
    to = put(to, b"X-Request-Id: ", 14)
    to = put(to, id_.at, id_.size)
    if generation:
        to = put(to, b"\r\nPenstock-Table: ", 18)
        to = put_number(to, generation)
    if labels:
        to = put(to, b"\r\nPenstock-Labels: ", 19)
        for label in labels:
            each = text(label)
            to = put(to, each.at, each.size)
            to = put(to, b", ", 2)
        to -= 2
    if name.size:
        to = put(to, b"\r\nPenstock-Application: ", 24)
        to = put(to, name.at, name.size)
    if tier >= 0:
        to = put(to, b"\r\nPenstock-Tier: ", 17)
        to = put_number(to, tier)
    if attempts:
        to = put(to, b"\r\nPenstock-Attempts: ", 21)
        to = put_bytes(to, attempts)
    to = put(to, b"\r\nServer-Timing: penstock;dur=", 30)
    to = put_thousandths(to, rest_s)
    to = put(to, b", application;dur=", 18)
    to = put_thousandths(to, called_s)
    if length >= 0:
        to = put(to, b"\r\nContent-Length: ", 18)
        to = put_number(to, length)
    if not keep_alive:
        to = put(to, b"\r\nConnection: close", 19)
    to = put(to, b"\r\n\r\n", 4)
    return head[: to - begin]

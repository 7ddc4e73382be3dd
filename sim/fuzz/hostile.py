"""Bytes, fields and lines that have smuggled requests past some server or other."""

BYTES = (
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\r",
        b"\r\r\n",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b"\x0c",
        b":",
        b";",
        b",",
        b'"',
    ),
    *(b"\x80", b"\xff", b"\x7f", b"\x01", b"0", b"9", b"a", b"A", b"_", b"-", b"+", b"/", b"#", b"?", b"%"),
    *(b"\\", b"{", b"|", b"@", b"=", b"\xc2\xa0", b"x", b"  "),
)

LENGTHS = (
    *(b"3", b"03", b"+3", b"-3", b"-0", b" 3", b"3 ", b"0x3", b"3_0", b"3.0", b"3,3", b"3, 3", b"3, 4", b""),
    *(b"3;a", b'"3"', b"\t3", b"3\t", b"3\x00", b"99999999999", b"18446744073709551616", b"9" * 30, b"3e0"),
    *(b"\xb3", b"3 3", b"0", b"00", b"1" * 19, b"18446744073709551619"),
)

CODINGS = (
    *(b"chunked", b"Chunked", b" chunked", b"chunked ", b"xchunked", b"chunkedx", b"chunked, identity"),
    *(b"identity, chunked", b"identity", b"gzip, chunked", b"chunked, chunked", b"chunked,", b",chunked"),
    *(b"\tchunked", b"chunked\t", b"chunked;a=b", b'"chunked"', b"\x0bchunked", b"chunk\xc3\xa9d", b""),
    *(b"chunked\x00", b"chun ked", b"gzip"),
)

FIELDS = (
    *(
        b"X : a",
        b" fold",
        b"\tfold",
        b"X",
        b": a",
        b"X\x00: a",
        b"X: a\x00b",
        b"X: a\rb",
        b"X: a\nb",
        b"X\t: a",
    ),
    *(
        b"X: a\tb",
        b"X:",
        b"X:a",
        b"X: \x80",
        b"X: \x7f",
        b"X: \x01",
        b"(X): a",
        b"X\xe9: a",
        b"X Y: a",
        b"X: a ",
    ),
    *(b"Host: b", b"Host:", b"Host: a", b"host: a b", b"Host: a, b", b"Host : a", b"Host: a/b"),
    *(b"Connection: close", b"Connection: X-Own", b"X-Own: 1", b"Connection: keep-alive, close"),
    *(b"Connection: Content-Length", b"Connection: Transfer-Encoding, Host", b"Connection: Upgrade"),
    *(b"Upgrade: h2c", b"Upgrade: websocket", b"HTTP2-Settings: AAAA", b"Connection: upgrade, close"),
    *(b"Expect: 100-continue", b"Expect: 100-Continue", b"Expect: more", b"Expect: 100-continue, x"),
    *(b"Trailer: Content-Length", b"TE: trailers", b"TE: chunked", b"Keep-Alive: timeout=5"),
    *(b"Content_Length: 3", b"Content-Length:3", b"Transfer_Encoding: chunked", b"Transfer-Encoding:chunked"),
    *(b"CONTENT-LENGTH: 3", b"transfer-ENCODING: CHUNKED", b"X-Request-Id: \x80", b"X-Request-Id: a b"),
    *(b"Prefer: respond-async", b"Penstock-Deadline-Ms: 1_0", b"Penstock-X: 1", b"Proxy-Connection: close"),
)

FIRST_LINES = (
    *(b"GET  /v2/models/m HTTP/1.1", b"GET /v2/models/m  HTTP/1.1", b" GET /v2/models/m HTTP/1.1"),
    *(b"GET\t/v2/models/m\tHTTP/1.1", b"GET /v2/models/m HTTP/1.1 ", b"GET /v2/mod els/m HTTP/1.1"),
    *(b"GET /v2/models/m HTTP/1.1 x", b"GET /v2/models/m http/1.1", b"GET /v2/models/m HTTP/1.10"),
    *(b"GET /v2/models/m HTTP/01.1", b"GET /v2/models/m HTTP/2.0", b"GET /v2/models/m HTTP/0.9"),
    *(
        b"GET /v2/models/m HTTP/1.2",
        b"GET /v2/models/m HTTP/1,1",
        b"GET /v2/models/m HTTP/1",
        b"GET /v2/models/m",
    ),
    *(
        b"GET HTTP/1.1",
        b"GET",
        b"get /v2/models/m HTTP/1.1",
        b"GE T /v2/models/m HTTP/1.1",
        b"PRI * HTTP/2.0",
    ),
    *(b"POSTS /v2/models/m/infer HTTP/1.1", b"PO /v2/models/m/infer HTTP/1.1", b"G@T /v2/models/m HTTP/1.1"),
    *(
        b"POST /v2/models/m/infer\x00 HTTP/1.1",
        b"POST /v2/models/\x80/infer HTTP/1.1",
        b"GET /v2\x7f HTTP/1.1",
    ),
    *(b"GET /v2/models/m#x HTTP/1.1", b"GET v2/models/m HTTP/1.1", b"GET ?a HTTP/1.1", b"GET // HTTP/1.1"),
    *(b"CONNECT m:80 HTTP/1.1", b"GET m:80 HTTP/1.1", b"GET http://h HTTP/1.1", b"GET http:///v2 HTTP/1.1"),
    *(b"GET http://h:1/v2/models/m HTTP/1.1", b"GET HTTPS://u@h/v2/models/m HTTP/1.1", b"OPTIONS * HTTP/1.1"),
    *(b"GET ftp://h/v2/models/m HTTP/1.1", b"TRACE /v2/models/m HTTP/1.1", b"M-SEARCH * HTTP/1.1"),
    *(b"SOURCE /v2 ICE/1.0", b"OPTIONS rtsp://a RTSP/1.0", b"QUERY /v2/models/m HTTP/1.1", b"\x16\x03\x01"),
)

CHUNK_HEADS = (
    *(
        b"3",
        b"03",
        b"0003",
        b"+3",
        b"-3",
        b"0x3",
        b"3 ",
        b" 3",
        b"3_",
        b"0_3",
        b"3;",
        b"3;a",
        b"3;a=b",
        b"3 ;a",
    ),
    *(
        b'3;a="b"',
        b'3;a="\n"',
        b"3;a\x00",
        b"3;\x80",
        b"3\t",
        b"g",
        b"",
        b"ffffffffffffffff",
        b"10000000000000003",
    ),
    *(b"0" * 20 + b"3", b"00", b"0;a", b"3;a=b;c", b"3,a", b"3\r", b"3;a\rb", b"3;;", b"3; a = b", b"\xb3"),
)

TRAILERS = (
    *(b"X-Sum: 1", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Host: b", b"X : a", b" fold", b"X"),
    *(
        b"Connection: close",
        b"X: a\x00",
        b"Penstock-Deadline-Ms: 1",
        b"Transfer-Encoding: gzip",
        b"Expect: more",
    ),
)

STATUS_LINES = (
    *(b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1  200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK"),
    *(b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 2x0 OK", b"HTTP/2.0 200 OK"),
    *(
        b"HTTP/1.1\t200\tOK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 \x80",
        b"http/1.1 200 OK",
        b"HTTP/1.2 200 OK",
    ),
    *(b"HTTP/0.9 200 OK", b"ICY 200 OK", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 103 Early Hints"),
    *(
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 304 Not Modified",
        b"HTTP/1.1 205 Reset",
    ),
    *(b"HTTP/1.0 200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1 200 OK ", b"RTSP/1.0 200 OK", b"HTTP/1.1"),
)

package probe

import (
	"bytes"
	"strings"
)

// identify is what speaks first bytes like these: a known protocol, or none with the bytes as they can be printed.
func identify(first []byte) *Answer {
	is := func(service string) *Answer { return &Answer{Service: service, Banner: printable(first)} }
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if bytes.HasPrefix(first, []byte(p)) {
				return true
			}
		}
		return false
	}
	line, _, _ := bytes.Cut(first, []byte("\n"))
	switch {
	case has("SSH-"):
		return is("ssh")
	case has("HTTP/", "<!DOCTYPE html", "<!doctype html", "<html"):
		return is("http")
	case has("220") && bytes.Contains(bytes.ToUpper(line), []byte("SMTP")):
		return is("smtp")
	case has("220") && bytes.Contains(bytes.ToUpper(line), []byte("FTP")):
		return is("ftp")
	case has("* OK", "* PREAUTH", "* BYE"):
		return is("imap")
	case has("+OK"):
		return is("pop3")
	case has("AMQP"):
		return is("amqp")
	case has("-ERR", "-NOAUTH", "-DENIED", "+PONG"):
		return is("redis")
	case has("ERROR\r\n", "VERSION "):
		return is("memcached")
	case has("RFB "):
		return is("vnc")
	case len(first) > 2 && (first[0] == 0x16 || first[0] == 0x15) && first[1] == 3 && first[2] <= 4: // a record of TLS, RFC 8446, 5.1
		return is("tls")
	case len(first) > 5 && first[3] == 0 && (first[4] == 10 || first[4] == 0xff): // protocol version 10, or an error, with sequence number 0
		return is("mysql")
	case has(":", "NOTICE ", "ERROR :", "PING :") && (bytes.Contains(line, []byte(" NOTICE ")) || bytes.Contains(line, []byte("ERROR :")) || has("NOTICE ", "PING :")):
		return is("irc")
	}
	return is("")
}

// printable is the start of some bytes, as one line.
func printable(b []byte) string {
	var s strings.Builder
	for _, c := range b[:min(len(b), 80)] {
		if c < ' ' || c > '~' {
			c = '.'
		}
		s.WriteByte(c)
	}
	return s.String()
}

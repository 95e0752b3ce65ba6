//go:build linux

package measure

import (
	"bytes"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

// signature is how the first bytes of a protocol's servers look, whatever was said to them.
type signature struct {
	service string
	is      func(first []byte, line string) bool
}

// begins is for protocols of which the first characters tell.
func begins(prefixes ...string) func([]byte, string) bool {
	return func(first []byte, _ string) bool {
		for _, p := range prefixes {
			if bytes.HasPrefix(first, []byte(p)) {
				return true
			}
		}
		return false
	}
}

// greets is for those that greet with a code and words.
func greets(code string, words ...string) func([]byte, string) bool {
	return func(_ []byte, line string) bool {
		for _, w := range words {
			if strings.HasPrefix(line, code) && strings.Contains(strings.ToUpper(line), w) {
				return true
			}
		}
		return false
	}
}

// signatures are those of which one is enough: none of them may be what another protocol begins with.
var signatures = []signature{
	{"ssh", begins("SSH-1.", "SSH-2.")},
	{"http", begins("HTTP/1.", "<!DOCTYPE html", "<!doctype html", "<html", "<HTML")},
	{"smtp", greets("220", "SMTP")},
	{"smtp", greets("554", "SMTP")},
	{"smtp", greets("421", "SMTP")},
	{"ftp", greets("220", "FTP")},
	{"nntp", greets("20", "NNTP")},
	{"imap", begins("* OK", "* PREAUTH", "* BYE")},
	{"pop3", begins("+OK ")},
	{"amqp", begins("AMQP\x00", "AMQP\x01", "AMQP\x02", "AMQP\x03")},
	{"redis", begins("+PONG", "-NOAUTH ", "-DENIED ", "-ERR unknown command", "-ERR wrong number of arguments for ", "-LOADING ")},
	{"memcached", begins("CLIENT_ERROR ", "VERSION 1.")},
	{"vnc", begins("RFB 003.", "RFB 004.")},
	{"rsync", begins("@RSYNCD: ")},
	{"rtsp", begins("RTSP/1.", "RTSP/2.")},
	{"telnet", begins("\xff\xfb", "\xff\xfd")}, // RFC 854: IAC WILL, IAC DO
	{"xmpp", func(b []byte, _ string) bool {
		return (bytes.HasPrefix(b, []byte("<?xml")) || bytes.HasPrefix(b, []byte("<stream:"))) && bytes.Contains(b, []byte("<stream:"))
	}},
	{"tls", isTLS},
	{"h2c", func(b []byte, _ string) bool { _, ok := http2Settings(b); return ok }},
	{"mysql", isMySQL},
	{"postgres", isPostgres},
	{"ldap", isLDAP},
	{"irc", func(_ []byte, line string) bool { return isIRC(line) }},
}

// identify is what speaks first bytes like these: a known protocol, or none with the bytes as they can be printed.
func identify(first []byte) *probe.Answer {
	a := &probe.Answer{Banner: printable(first)}
	line, _, _ := bytes.Cut(first, []byte("\n"))
	text := strings.TrimSuffix(string(line), "\r")
	for _, s := range signatures {
		if s.is(first, text) {
			a.Service = s.service
			break
		}
	}
	return a
}

// isTLS knows a record of a handshake or an alert, of two bytes (RFC 8446, sections 5.1 and 6).
func isTLS(b []byte, _ string) bool {
	if len(b) < 6 || b[1] != 3 || b[2] > 4 {
		return false
	}
	size := int(b[3])<<8 | int(b[4])
	switch b[0] {
	case 0x15:
		return size == 2 && (b[5] == 1 || b[5] == 2)
	case 0x16:
		return b[5] == 2 && size >= 4 && size <= 1<<14 // a server hello comes first
	}
	return false
}

// isMySQL knows the first packet of a server, of which all has to be there but what comes after the version.
func isMySQL(b []byte, _ string) bool {
	if len(b) < 8 || b[3] != 0 {
		return false
	}
	size := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if size > 1024 || len(b)-4 < min(size, firstBytes-4) {
		return false
	}
	_, ok := mysqlGreeting(b[4:min(len(b), 4+size)])
	return ok
}

// isPostgres knows an error with which a server answers to what it does not understand.
func isPostgres(b []byte, _ string) bool {
	return len(b) > 12 && b[0] == 'E' && b[1] == 0 && b[2] == 0 && (bytes.HasPrefix(b[5:], []byte("SFATAL\x00")) || bytes.HasPrefix(b[5:], []byte("SERROR\x00")))
}

// isLDAP knows a notice of disconnection (RFC 4511, section 4.4.1), by its object identifier.
func isLDAP(b []byte, _ string) bool {
	return len(b) > 8 && b[0] == 0x30 && bytes.Contains(b, []byte("\x02\x01\x00\x78")) && bytes.Contains(b, []byte("1.3.6.1.4.1.1466.20036"))
}

// isIRC knows the notices and errors that servers begin with (RFC 2812, section 3.7).
func isIRC(line string) bool {
	rest := line
	if strings.HasPrefix(line, ":") {
		_, rest, _ = strings.Cut(line, " ")
	}
	return strings.HasPrefix(rest, "NOTICE ") && strings.Contains(rest, " :") || strings.HasPrefix(rest, "ERROR :") || strings.HasPrefix(rest, "PING :")
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

package measure

import "testing"

// TestIdentify names a protocol by its first bytes where they are no other's, and none where they might be.
func TestIdentify(t *testing.T) {
	for first, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2p1\r\n":                                    "ssh",
		"HTTP/1.1 400 Bad Request\r\n":                                 "http",
		"<html>\r\n<head><title>400 Bad Request":                       "http",
		"220 mail.example ESMTP Postfix\r\n":                           "smtp",
		"220-mail.example ESMTP\r\n220 more\r\n":                       "smtp",
		"220 (vsFTPd 3.0.3)\r\n":                                       "ftp",
		"220 ready\r\n":                                                "",
		"554 no SMTP service here\r\n":                                 "smtp",
		"421 too many connections\r\n":                                 "",
		"200 news.example InterNetNews NNRP server ready (NNTP)\r\n":   "nntp",
		"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n":               "imap",
		"+OK Dovecot ready.\r\n":                                       "pop3",
		"+OK\r\n":                                                      "", // so says a Redis
		"+PONG\r\n":                                                    "redis",
		"-NOAUTH Authentication required.\r\n":                         "redis",
		"-ERR\r\n":                                                     "", // so says POP3
		"ERROR\r\n":                                                    "", // so says memcached, and others do
		"CLIENT_ERROR bad command line format\r\n":                     "memcached",
		":irc.example NOTICE * :*** Looking up your hostname":          "irc",
		"ERROR :Closing link: (unknown@192.0.2.1) [Bad request]":       "irc",
		"NOTICE AUTH :*** Checking Ident":                              "irc",
		"AMQP\x00\x00\x09\x01":                                         "amqp",
		"AMQP":                                                         "",
		"\x15\x03\x01\x00\x02\x02\x46":                                 "tls",
		"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03":                 "tls",
		"\x16\x03\x03\x00\x7a\x01\x00\x00\x76\x03\x03":                 "", // a client's hello
		"\x15\x03\x01\x00\x80\x02\x46":                                 "",
		testMySQL:                                                      "mysql",
		testMySQL[:40]:                                                 "",
		"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80": "h2c",
		"E\x00\x00\x00\x8bSFATAL\x00VFATAL\x00C0A000\x00M":             "postgres",
		"EHLO\r\n":                 "",
		"RFB 003.008\n":            "vnc",
		"@RSYNCD: 31.0\n":          "rsync",
		"\xff\xfd\x18\xff\xfd\x20": "telnet",
		"":                         "",
		"\x00":                     "",
		"hello\n":                  "",
		"\x05\x00":                 "",
		"N":                        "",
	} {
		if got := identify([]byte(first)); got.Service != want {
			t.Errorf("%q: %q, want %q", first, got.Service, want)
		}
	}
}

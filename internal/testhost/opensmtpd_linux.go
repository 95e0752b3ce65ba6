package testhost

import "fmt"

// Where OpenSMTPD listens: with STARTTLS, and without.
const (
	PortSMTP      = 25
	PortSMTPPlain = 2525
	PortSMTPS     = 465 // where it does not listen
)

// OpenSMTPD starts Debian's opensmtpd as mail.example.test, with a certificate of a's for these names. It takes no mail. That of Debian 12 offers
// TLS, and ends each TLS handshake with an internal error (OpenSMTPD's issue 1171): for TLS, put TLSFront before it.
func OpenSMTPD(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	bin, unshare := Need(h.t, "smtpd", "opensmtpd"), Need(h.t, "unshare", "util-linux")
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	conf := writeFile(h.t, dir, "smtpd.conf", 0o600,
		fmt.Sprintf(`pki test cert "%s/cert.pem"`, dir), fmt.Sprintf(`pki test key "%s/key.pem"`, dir),
		fmt.Sprintf("listen on 0.0.0.0 port %d tls pki test hostname mail.example.test", PortSMTP),
		fmt.Sprintf("listen on 0.0.0.0 port %d hostname mail.example.test", PortSMTPPlain),
		"match from any for any reject") // it refuses to start without a rule
	// Its socket and its queue have fixed places, which are its own here.
	s := h.serve(nil, unshare, "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs tmpfs /run && mount -t tmpfs -o mode=0711 tmpfs /var/spool && mkdir -m 0711 /var/spool/smtpd && chmod 0600 "$1"/key.pem && exec "$0" -d -f "$2"`,
		bin, dir, conf)
	h.AwaitListen(s, PortSMTP, PortSMTPPlain)
	return s
}

package testhost

import "fmt"

// The IRC server of the case, by name and port.
const (
	IRCName = "banks.freenode.net"
	PortIRC = 8001
)

// InspIRCd starts Debian's inspircd as the server of the case. To every client it says first
// ":banks.freenode.net NOTICE * :*** Looking up your hostname...".
func InspIRCd(h *Host, under ...string) *Server {
	h.t.Helper()
	s := h.inspircd(tempDir(h.t), under)
	h.AwaitListen(s, PortIRC)
	return s
}

// PortIRCS is where InspIRCdTLS listens too.
const PortIRCS = 6697

// InspIRCdTLS is InspIRCd inside of TLS too, with a certificate of a's for these names.
func InspIRCdTLS(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	// With this module it crashes when it ends, and would leave a core.
	s := h.inspircd(dir, []string{Need(h.t, "prlimit", "util-linux"), "--core=0", "--"},
		`<module name="ssl_gnutls">`, `<sslprofile name="test" provider="gnutls" certfile="`+dir+`/cert.pem" keyfile="`+dir+`/key.pem">`,
		fmt.Sprintf(`<bind address="*" port="%d" type="clients" sslprofile="test">`, PortIRCS))
	h.AwaitListen(s, PortIRC, PortIRCS)
	return s
}

func (h *Host) inspircd(dir string, under []string, more ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "inspircd", "inspircd")
	conf := writeFile(h.t, dir, "inspircd.conf", 0o644, append(more,
		`<server name="`+IRCName+`" description="test" network="Test" id="001">`,
		`<admin name="test" nick="test" email="test@localhost">`,
		fmt.Sprintf(`<bind address="*" port="%d" type="clients">`, PortIRC),
		// Nobody answers there, at once; the server looks up each client's name.
		`<dns server="127.0.0.1" timeout="1">`,
		// Many clients from one address, one after the other, are the test.
		`<connect allow="*" timeout="30" localmax="1000" globalmax="1000" useident="no">`,
		`<performance softlimit="1000">`,
		`<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="`+dir+`/log">`,
		`<pid file="`+dir+`/pid">`,
		`<path configdir="`+dir+`" datadir="`+dir+`" logdir="`+dir+`" moduledir="/usr/lib/inspircd/modules">`)...)
	// It refuses to run as root without --runasroot, and goes to the background without --nofork.
	return h.serve(under, bin, "--config", conf, "--nofork", "--runasroot", "--nopid")
}

package testhost

import "fmt"

// Where Slapd listens, and the same inside of TLS.
const (
	PortLDAP  = 389
	PortLDAPS = 636
)

// Slapd starts Debian's slapd with an empty directory dc=example,dc=test, and a certificate of a's for these names. settings are more of slapd.conf(5).
func Slapd(h *Host, a *Authority, names []string, settings ...string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "slapd", "slapd"), tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	conf := writeFile(h.t, dir, "slapd.conf", 0o600, append(append([]string{
		"include /etc/ldap/schema/core.schema", "pidfile " + dir + "/pid",
		"TLSCertificateFile " + dir + "/cert.pem", "TLSCertificateKeyFile " + dir + "/key.pem", "TLSCACertificateFile " + a.Path,
	}, settings...), "database ldif", `suffix "dc=example,dc=test"`, "directory "+dir)...)
	s := h.serve(nil, bin, "-d", "0", "-f", conf, "-h", fmt.Sprintf("ldap://0.0.0.0:%d/ ldaps://0.0.0.0:%d/", PortLDAP, PortLDAPS))
	h.AwaitListen(s, PortLDAP, PortLDAPS)
	return s
}

package testhost

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// PortSSH is where SSHD listens.
const PortSSH = 22

// SSH is an sshd, and what a client needs to log in.
type SSH struct {
	*Server
	Key        string // path of root's private key
	KnownHosts string // path of the file with the server's host key, for any name
}

// SSHD starts Debian's sshd with keys of its own. A client that logs in as root gets SSH_CONNECTION printed, whatever it
// asks for: "CLIENT-ADDRESS CLIENT-PORT SERVER-ADDRESS SERVER-PORT".
func SSHD(h *Host, under ...string) *SSH {
	h.t.Helper()
	bin := Need(h.t, "sshd", "openssh-server")
	keygen := Need(h.t, "ssh-keygen", "openssh-client")
	// sshd chroots to it before a login; Debian makes it when the service starts, not when it is installed.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		h.t.Fatal(err)
	}
	dir := tempDir(h.t)
	s := &SSH{Key: filepath.Join(dir, "user")}
	host := filepath.Join(dir, "host")
	for _, key := range []string{host, s.Key} {
		h.must(exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key))
	}
	pub, err := os.ReadFile(host + ".pub")
	if err != nil {
		h.t.Fatal(err)
	}
	s.KnownHosts = writeFile(h.t, dir, "known_hosts", 0o644, "* "+string(pub))
	conf := writeFile(h.t, dir, "sshd_config", 0o600,
		fmt.Sprintf("Port %d", PortSSH),
		"HostKey "+host,
		"AuthorizedKeysFile "+s.Key+".pub",
		"PermitRootLogin yes", "PasswordAuthentication no", "UsePAM no", "StrictModes no",
		"PidFile none", "UseDNS no", "MaxStartups 1000", // else it drops some of those that come together
		`ForceCommand /bin/echo "$SSH_CONNECTION"`)
	s.Server = h.serve(under, bin, "-D", "-e", "-f", conf)
	h.AwaitListen(s.Server, PortSSH)
	return s
}

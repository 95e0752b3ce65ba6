package testhost

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// PortPostgres is where Postgres listens.
const PortPostgres = 5432

// Postgres starts Debian's postgresql; where a is there, with TLS and a certificate of a's for these names.
func Postgres(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		h.t.Skip("needs postgres (Debian's package postgresql)")
	}
	bin := bins[len(bins)-1]
	who, err := user.Lookup("postgres") // it refuses to run as root
	if err != nil {
		h.t.Skipf("needs the user postgres: %v", err)
	}
	runuser := Need(h.t, "runuser", "util-linux")
	dir := tempDir(h.t)
	h.own(who, dir)
	h.must(exec.Command(runuser, "-u", "postgres", "--", bin+"/initdb", "-D", dir+"/data", "-A", "trust", "--no-sync", "--no-instructions"))
	argv := []string{
		bin + "/postgres", "-D", dir + "/data", "-c", "listen_addresses=*", "-c", fmt.Sprintf("port=%d", PortPostgres), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "shared_buffers=1MB", "-c", "max_connections=20",
	}
	if a != nil {
		a.issue(h.t, dir, soonEnough(), names...)
		if err := os.Chmod(dir+"/key.pem", 0o600); err != nil {
			h.t.Fatal(err)
		}
		h.own(who, dir+"/key.pem")
		argv = append(argv, "-c", "ssl=on", "-c", "ssl_cert_file="+dir+"/cert.pem", "-c", "ssl_key_file="+dir+"/key.pem")
	}
	s := h.serve([]string{"setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"}, argv...)
	h.AwaitListen(s, PortPostgres)
	return s
}

// own gives a file to a user.
func (h *Host) own(who *user.User, path string) {
	h.t.Helper()
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		h.t.Fatal(err)
	}
}

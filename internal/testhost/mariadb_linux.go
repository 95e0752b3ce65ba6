package testhost

import "fmt"

// PortMySQL is where MariaDB listens.
const PortMySQL = 3306

// MariaDB starts Debian's mariadbd, of no databases and no users, run by under.
func MariaDB(h *Host, under []string, settings ...string) *Server {
	h.t.Helper()
	bin, dir := Need(h.t, "mariadbd", "mariadb-server-core"), tempDir(h.t)
	s := h.serve(under, append([]string{
		bin, "--no-defaults", "--user=root", "--datadir=" + dir, "--socket=" + dir + "/socket", "--pid-file=" + dir + "/pid", "--skip-grant-tables", "--skip-networking=0",
		"--bind-address=0.0.0.0", fmt.Sprintf("--port=%d", PortMySQL), "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--aria-log-file-size=8M",
	}, settings...)...)
	h.AwaitListen(s, PortMySQL)
	return s
}

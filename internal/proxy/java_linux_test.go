package proxy

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

const selectJava = `
import java.net.*;
import java.util.*;
public class Select {
    public static void main(String[] a) throws Exception {
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) {
            String[] s = in.nextLine().split(" ");
            if (s[0].equals("-")) System.clearProperty("http.nonProxyHosts"); else System.setProperty("http.nonProxyHosts", s[0]);
            System.out.println(ProxySelector.getDefault().select(new URI(s[1])).get(0).type());
        }
    }
}
`

// TestJava asks Java itself which way it takes.
func TestJava(t *testing.T) {
	testhost.Need(t, "javac", "default-jdk-headless")
	java := testhost.Need(t, "java", "default-jdk-headless")
	file := filepath.Join(t.TempDir(), "Select.java")
	if err := os.WriteFile(file, []byte(selectJava), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := [][2]string{
		{"-", "http://localhost/"},
		{"-", "http://127.1.2.3/"},
		{"-", "http://[::1]/"},
		{"-", "http://example.test/"},
		{"example.test", "http://example.test/"},
		{"example.test", "http://sub.example.test/"},
		{"Example.Test", "http://example.TEST/"},
		{".example.test", "http://sub.example.test/"},
		{"*.example.test", "http://sub.example.test/"},
		{"*.example.test", "http://example.test/"},
		{"example.*", "http://example.test/"},
		{"*ampl*", "http://example.test/"},
		{"*", "http://example.test/"},
		{"a.test|example.test", "http://example.test/"},
		{"a.test,example.test", "http://example.test/"},
		{"172.16.*", "http://172.16.6.2/"},
		{"172.16.6.0/24", "http://172.16.6.2/"},
		{"fd00:6::2", "http://[fd00:6::2]/"},
		{"[fd00:6::2]", "http://[fd00:6::2]/"},
		{"example.test:8080", "http://example.test:8080/"},
		{"example.test", "https://example.test/"},
		{"example.test", "http://localhost/"},
	}
	var input strings.Builder
	for _, c := range cases {
		input.WriteString(c[0] + " " + c[1] + "\n")
	}
	const options = "-Dhttp.proxyHost=172.16.6.1 -Dhttp.proxyPort=3128 -Dhttps.proxyHost=172.16.6.1 -Dhttps.proxyPort=3128"
	cmd := exec.Command(java, file)
	cmd.Env = append(os.Environ(), "JAVA_TOOL_OPTIONS="+options)
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(cases) {
		t.Fatalf("%d answers to %d: %s", len(lines), len(cases), out)
	}
	for i, c := range cases {
		u, err := url.Parse(c[1])
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"JAVA_TOOL_OPTIONS": options}
		if c[0] != "-" {
			env["JAVA_TOOL_OPTIONS"] += " -Dhttp.nonProxyHosts=" + c[0]
		}
		port, _ := strconv.ParseUint(u.Port(), 10, 16)
		want := "HTTP"
		if x := Java.Choose(env, URL{Scheme: u.Scheme, Host: u.Hostname(), Port: uint16(port)}); x.Direct() {
			want = "DIRECT"
		}
		if lines[i] != want {
			t.Errorf("nonProxyHosts=%s %s: Java says %s, and we say %s", c[0], c[1], lines[i], want)
		}
	}
}

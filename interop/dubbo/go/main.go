// Command interop is a provider or a consumer that does what stdin says: a line
// `ID COMMAND KEY=VALUE...` each. It prints a JSON line for each when it is done;
// several may be under way.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"dubbo.apache.org/dubbo-go/v3/remoting/getty"

	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failover"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/dubbo"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/protocol"
)

type answer struct {
	ID    int    `json:"id"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
	Ms    int64  `json:"ms"`
	Value string `json:"value"`
}

func main() {
	answers, err := takeStdout()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(answers, "ready")
	output := json.NewEncoder(answers)
	raiseLimits()

	var mutex sync.Mutex
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		words := strings.Fields(input.Text())
		go func() {
			a := obey(words)
			mutex.Lock()
			defer mutex.Unlock()
			output.Encode(a)
		}()
	}
}

// takeStdout sends whatever the libraries print elsewhere.
func takeStdout() (*os.File, error) {
	own, err := syscall.Dup(syscall.Stdout)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(own), "stdout"), syscall.Dup3(syscall.Stderr, syscall.Stdout, 0)
}

// raiseLimits lets messages be longer than a million bytes.
func raiseLimits() {
	const limit = 16 << 20
	client := getty.GetDefaultClientConfig()
	client.GettySessionParam.MaxMsgLen = limit
	getty.SetClientConf(*client)
	server := getty.GetDefaultServerConfig()
	server.GettySessionParam.MaxMsgLen = limit
	getty.SetServerConfig(*server)
}

func obey(words []string) (a answer) {
	a.ID, _ = strconv.Atoi(words[0])
	options := map[string]string{}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		options[key], _ = url.QueryUnescape(value)
	}
	started := time.Now()
	value, err := command(words[1], options)
	a.Ms = time.Since(started).Milliseconds()
	a.Value = value
	a.OK = err == nil
	if err != nil {
		a.Error = fmt.Sprintf("%.1000s", err.Error())
	}
	return a
}

func command(name string, options map[string]string) (value string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	switch name {
	case "export":
		return "", export(options)
	case "case":
		return "", runCase(options)
	case "load":
		return "", startLoad(options)
	case "unload":
		return endLoad(options), nil
	case "release":
		return "", nil
	}
	return "", fmt.Errorf("no command %q", name)
}

// listening waits until something listens at the port.
func listening(port int, failed chan error) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for range 500 {
		select {
		case err := <-failed:
			return err
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("nothing listens at %s", address)
}

// runc for machines that cannot do all that a bundle asks for. Before runc sees it, the bundle loses the cgroup controllers
// that the cgroup2 mount lacks, and limits that this process may not raise. Each pod gets a cgroup2 directory of its own,
// named as kubelets name it, because the kubelet here runs without cgroups per QoS class.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const defaultRunc = "/usr/sbin/runc"

// The controller that a key of linux.resources needs.
var controllers = map[string]string{
	"blockIO": "io", "cpu": "cpu", "hugepageLimits": "hugetlb", "memory": "memory", "pids": "pids", "rdma": "rdma",
}

// By their numbers, as in setrlimit(2).
var limits = []string{
	"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
}

type object = map[string]any

func main() {
	args := os.Args[1:]
	if slices.Contains(args, "update") {
		return // there is nothing to update that was not taken away
	}
	if slices.Contains(args, "create") || slices.Contains(args, "run") {
		if err := adapt(filepath.Join(bundle(args), "config.json")); err != nil {
			fail(err)
		}
	}
	fail(syscall.Exec(runc(), append([]string{"runc"}, args...), os.Environ()))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "runc of the embedded cluster:", err)
	os.Exit(1)
}

func runc() string {
	for _, path := range []string{defaultRunc, "/usr/bin/runc"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return defaultRunc
}

func bundle(args []string) string {
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, "--bundle="); found {
			return value
		}
		if (arg == "--bundle" || arg == "-b") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return "."
}

func adapt(path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	config := object{}
	decoder := json.NewDecoder(strings.NewReader(string(file)))
	decoder.UseNumber() // limits do not fit into a float
	if err := decoder.Decode(&config); err != nil {
		return err
	}
	if linux, ok := config["linux"].(object); ok {
		dropControllers(linux)
		placePod(linux, config["annotations"])
	}
	if process, ok := config["process"].(object); ok {
		dropLimits(process)
	}
	if file, err = json.Marshal(config); err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o600)
}

func dropControllers(linux object) {
	resources, ok := linux["resources"].(object)
	if !ok {
		return
	}
	enabled, _ := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control")
	have := strings.Fields(string(enabled))
	for key, controller := range controllers {
		if !slices.Contains(have, controller) {
			delete(resources, key)
		}
	}
	delete(resources, "network") // net_cls and net_prio are of cgroup1
	if !slices.Contains(have, "memory") || !slices.Contains(have, "cpu") {
		delete(resources, "unified")
	}
}

func placePod(linux object, annotations any) {
	all, _ := annotations.(object)
	uid, known := all["io.kubernetes.cri.sandbox-uid"].(string)
	path, absolute := linux["cgroupsPath"].(string)
	if known && absolute && strings.HasPrefix(path, "/") {
		linux["cgroupsPath"] = "/kubepods/pod" + uid + "/" + filepath.Base(path)
	}
}

func dropLimits(process object) {
	if wanted, ok := process["oomScoreAdj"].(json.Number); ok {
		score, _ := wanted.Int64()
		own, _ := os.ReadFile("/proc/self/oom_score_adj")
		current, _ := strconv.ParseInt(strings.TrimSpace(string(own)), 10, 64)
		if score < current {
			delete(process, "oomScoreAdj")
		}
	}
	wanted, _ := process["rlimits"].([]any)
	kept := []any{}
	for _, limit := range wanted {
		if entry, ok := limit.(object); ok && permitted(entry) {
			kept = append(kept, limit)
		}
	}
	process["rlimits"] = kept
}

func permitted(limit object) bool {
	name, _ := limit["type"].(string)
	hard, _ := limit["hard"].(json.Number)
	wanted, err := strconv.ParseUint(hard.String(), 10, 64)
	number := slices.Index(limits, name)
	current := syscall.Rlimit{}
	return err == nil && number >= 0 && syscall.Getrlimit(number, &current) == nil && wanted <= current.Max
}

/** What a metric is called, what it says, and its labels beyond those that all have. */
export interface MetricDescriptor {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly labels: readonly string[];
}

/**
 * The labels of every metric, first and in this order: those that the kubelet gives to cAdvisor's. `id` is the cgroup's
 * path, `name` the id of the container or pod sandbox.
 */
export const baseLabels = ["id", "name", "image", "namespace", "pod", "container"] as const;

function counter(name: string, help: string, ...labels: string[]): MetricDescriptor {
  return { name: `container_${name}`, help, type: "counter", labels };
}

function gauge(name: string, help: string, ...labels: string[]): MetricDescriptor {
  return { name: `container_${name}`, help, type: "gauge", labels };
}

/**
 * The metrics of pods and containers, named and labelled as cAdvisor's, so that dashboards made for those go on. Seconds
 * are whole ones: the CRI carries integers.
 */
export const metrics = {
  lastSeen: gauge("last_seen", "Last time a container was seen by the exporter."),
  startTimeSeconds: gauge("start_time_seconds", "Start time of the container since unix epoch in seconds."),
  oomEventsTotal: counter(
    "oom_events_total",
    "Count of processes of the container that the kernel killed for want of memory.",
  ),

  cpuUserSecondsTotal: counter("cpu_user_seconds_total", "Cumulative user CPU time consumed in seconds."),
  cpuSystemSecondsTotal: counter(
    "cpu_system_seconds_total",
    "Cumulative system CPU time consumed in seconds.",
  ),
  cpuUsageSecondsTotal: counter("cpu_usage_seconds_total", "Cumulative CPU time consumed in seconds.", "cpu"),
  cpuCfsPeriodsTotal: counter("cpu_cfs_periods_total", "Number of elapsed enforcement period intervals."),
  cpuCfsThrottledPeriodsTotal: counter(
    "cpu_cfs_throttled_periods_total",
    "Number of throttled period intervals.",
  ),
  cpuCfsThrottledSecondsTotal: counter(
    "cpu_cfs_throttled_seconds_total",
    "Total time duration the container has been throttled.",
  ),

  memoryCache: gauge("memory_cache", "Number of bytes of page cache memory."),
  memoryRss: gauge("memory_rss", "Size of RSS in bytes."),
  memoryKernelUsage: gauge("memory_kernel_usage", "Size of kernel memory allocated in bytes."),
  memoryMappedFile: gauge("memory_mapped_file", "Size of memory mapped files in bytes."),
  memorySwap: gauge("memory_swap", "Container swap usage in bytes."),
  memoryFailcnt: counter("memory_failcnt", "Number of memory usage hits limits."),
  memoryUsageBytes: gauge(
    "memory_usage_bytes",
    "Current memory usage in bytes, including all memory regardless of when it was accessed.",
  ),
  memoryMaxUsageBytes: gauge("memory_max_usage_bytes", "Maximum memory usage recorded in bytes."),
  memoryWorkingSetBytes: gauge("memory_working_set_bytes", "Current working set in bytes."),
  memoryFailuresTotal: counter(
    "memory_failures_total",
    "Cumulative count of memory allocation failures.",
    "failure_type",
    "scope",
  ),

  hugetlbUsageBytes: gauge("hugetlb_usage_bytes", "Current hugepage usage in bytes.", "pagesize"),
  hugetlbMaxUsageBytes: gauge(
    "hugetlb_max_usage_bytes",
    "Maximum hugepage usage recorded in bytes.",
    "pagesize",
  ),

  fsInodesFree: gauge("fs_inodes_free", "Number of available inodes.", "device"),
  fsInodesTotal: gauge("fs_inodes_total", "Number of inodes.", "device"),
  fsLimitBytes: gauge(
    "fs_limit_bytes",
    "Number of bytes that can be consumed by the container on this filesystem.",
    "device",
  ),
  fsUsageBytes: gauge(
    "fs_usage_bytes",
    "Number of bytes that are consumed by the container on this filesystem.",
    "device",
  ),
  fsReadsBytesTotal: counter("fs_reads_bytes_total", "Cumulative count of bytes read.", "device"),
  fsReadsTotal: counter("fs_reads_total", "Cumulative count of reads completed.", "device"),
  fsWritesBytesTotal: counter("fs_writes_bytes_total", "Cumulative count of bytes written.", "device"),
  fsWritesTotal: counter("fs_writes_total", "Cumulative count of writes completed.", "device"),
  blkioDeviceUsageTotal: counter(
    "blkio_device_usage_total",
    "Blkio device bytes usage.",
    "device",
    "major",
    "minor",
    "operation",
  ),

  processes: gauge("processes", "Number of processes running inside the container."),
  fileDescriptors: gauge("file_descriptors", "Number of open file descriptors for the container."),
  sockets: gauge("sockets", "Number of open sockets for the container."),
  threads: gauge("threads", "Number of threads running inside the container."),
  threadsMax: gauge(
    "threads_max",
    "Maximum number of threads allowed inside the container, infinity if value is zero.",
  ),
  ulimitsSoft: gauge("ulimits_soft", "Soft ulimit values for the container root process.", "ulimit"),

  networkReceiveBytesTotal: counter(
    "network_receive_bytes_total",
    "Cumulative count of bytes received.",
    "interface",
  ),
  networkReceivePacketsTotal: counter(
    "network_receive_packets_total",
    "Cumulative count of packets received.",
    "interface",
  ),
  networkReceivePacketsDroppedTotal: counter(
    "network_receive_packets_dropped_total",
    "Cumulative count of packets dropped while receiving.",
    "interface",
  ),
  networkReceiveErrorsTotal: counter(
    "network_receive_errors_total",
    "Cumulative count of errors encountered while receiving.",
    "interface",
  ),
  networkTransmitBytesTotal: counter(
    "network_transmit_bytes_total",
    "Cumulative count of bytes transmitted.",
    "interface",
  ),
  networkTransmitPacketsTotal: counter(
    "network_transmit_packets_total",
    "Cumulative count of packets transmitted.",
    "interface",
  ),
  networkTransmitPacketsDroppedTotal: counter(
    "network_transmit_packets_dropped_total",
    "Cumulative count of packets dropped while transmitting.",
    "interface",
  ),
  networkTransmitErrorsTotal: counter(
    "network_transmit_errors_total",
    "Cumulative count of errors encountered while transmitting.",
    "interface",
  ),

  specCpuPeriod: gauge("spec_cpu_period", "CPU period of the container."),
  specCpuQuota: gauge("spec_cpu_quota", "CPU quota of the container."),
  specCpuShares: gauge("spec_cpu_shares", "CPU share of the container."),
  specMemoryLimitBytes: gauge("spec_memory_limit_bytes", "Memory limit for the container, 0 for none."),
  specMemoryReservationLimitBytes: gauge(
    "spec_memory_reservation_limit_bytes",
    "Memory reservation limit for the container, 0 for none.",
  ),
  specMemorySwapLimitBytes: gauge(
    "spec_memory_swap_limit_bytes",
    "Limit of memory and swap together for the container, 0 for none.",
  ),

  pressureCpuStalledSecondsTotal: counter(
    "pressure_cpu_stalled_seconds_total",
    "Total time duration no tasks in the container could make progress due to CPU congestion.",
  ),
  pressureCpuWaitingSecondsTotal: counter(
    "pressure_cpu_waiting_seconds_total",
    "Total time duration tasks in the container have waited due to CPU congestion.",
  ),
  pressureMemoryStalledSecondsTotal: counter(
    "pressure_memory_stalled_seconds_total",
    "Total time duration no tasks in the container could make progress due to memory congestion.",
  ),
  pressureMemoryWaitingSecondsTotal: counter(
    "pressure_memory_waiting_seconds_total",
    "Total time duration tasks in the container have waited due to memory congestion.",
  ),
  pressureIoStalledSecondsTotal: counter(
    "pressure_io_stalled_seconds_total",
    "Total time duration no tasks in the container could make progress due to IO congestion.",
  ),
  pressureIoWaitingSecondsTotal: counter(
    "pressure_io_waiting_seconds_total",
    "Total time duration tasks in the container have waited due to IO congestion.",
  ),
} as const satisfies Record<string, MetricDescriptor>;

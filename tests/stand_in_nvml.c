/* A stand-in for NVIDIA's libnvidia-ml.so.1, for tests of what samples GPUs through the real binding.

   It answers from files below the folder that STAND_IN_NVML names (tests/stand_in_nvml.py writes
   them). GPU n is the folder n. A quantity is a file of one value a line; each call takes the next
   line, and the last line stays. A line "!15" makes the call fail with NVML's error 15; a quantity
   without a file is not supported (3). Signatures are those of nvml.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SUCCESS 0
#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7
#define GPUS 4
#define QUANTITIES 16

typedef struct { char name[64]; int asked; } counted;
static counted counts[GPUS][QUANTITIES];

static void path_of(char *path, int gpu, const char *name) {
    const char *folder = getenv("STAND_IN_NVML");
    if (gpu < 0) snprintf(path, 4096, "%s/%s", folder ? folder : "", name);
    else snprintf(path, 4096, "%s/%d/%s", folder ? folder : "", gpu, name);
}

static int index_of(void *device) { return (int)(size_t)device - 1; }

/* The next line of a quantity, without its newline; an error of NVML. */
static int line_of(int gpu, const char *name, int place, char *line, int size) {
    char path[4096];
    path_of(path, gpu, name);
    FILE *file = fopen(path, "r");
    if (!file) return NOT_SUPPORTED;
    int got = 0;
    for (int number = 0; number <= place; number++) {
        char next[256];
        if (!fgets(next, sizeof next, file)) break;
        next[strcspn(next, "\n")] = 0;
        snprintf(line, size, "%s", next);
        got = 1;
    }
    fclose(file);
    if (!got) return NOT_SUPPORTED;
    return line[0] == '!' ? atoi(line + 1) : SUCCESS;
}

static int next_of(void *device, const char *name, unsigned long long *value) {
    int gpu = index_of(device), n = 0;
    while (n < QUANTITIES - 1 && counts[gpu][n].name[0] && strcmp(counts[gpu][n].name, name)) n++;
    snprintf(counts[gpu][n].name, sizeof counts[gpu][n].name, "%s", name);
    char line[256];
    int error = line_of(gpu, name, counts[gpu][n].asked++, line, sizeof line);
    if (!error) *value = strtoull(line, NULL, 0);
    return error;
}

static int small_of(void *device, const char *name, unsigned int *value) {
    unsigned long long wide = 0;
    int error = next_of(device, name, &wide);
    if (!error) *value = (unsigned int)wide;
    return error;
}

int nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    char path[4096], line[256];
    path_of(path, -1, "opened");
    FILE *file = fopen(path, "a");
    if (file) { fputs(".", file); fclose(file); }
    int error = line_of(-1, "init", 0, line, sizeof line);
    return error == NOT_SUPPORTED ? SUCCESS : error;
}

int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int error) { (void)error; return "an error of the stand-in"; }

int nvmlSystemGetDriverVersion(char *version, unsigned int size) {
    return line_of(-1, "driver", 0, version, size);
}

int nvmlSystemGetCudaDriverVersion(int *version) { *version = 12040; return SUCCESS; }

int nvmlDeviceGetCount_v2(unsigned int *count) {
    for (*count = 0; *count < GPUS; ++*count) {
        char path[4096];
        struct stat found;
        path_of(path, *count, "name");
        if (stat(path, &found)) break;
    }
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    *device = (void *)(size_t)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int size) {
    return line_of(index_of(device), "name", 0, name, size);
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned int size) {
    return line_of(index_of(device), "uuid", 0, uuid, size);
}

typedef struct {
    char legacy[16];
    unsigned int domain, bus, device, id, subsystem;
    char bus_id[32];
} pci;

int nvmlDeviceGetPciInfo_v3(void *device, pci *place) {
    memset(place, 0, sizeof *place);
    return small_of(device, "bus", &place->bus);
}

typedef struct { unsigned int gpu, memory; } utilization;

int nvmlDeviceGetUtilizationRates(void *device, utilization *rates) {
    rates->memory = 7;
    return small_of(device, "utilisation", &rates->gpu);
}

typedef struct { unsigned long long total, free, used; } memory;

/* With what the driver reserves for itself. */
int nvmlDeviceGetMemoryInfo(void *device, memory *info) {
    unsigned long long reserved = 0;
    next_of(device, "memory_reserved", &reserved);
    int error = next_of(device, "memory_used", &info->used);
    info->used += reserved;
    return error;
}

#ifdef R510 /* a driver that has it: from 510 on */
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory_v2;

int nvmlDeviceGetMemoryInfo_v2(void *device, memory_v2 *info) {
    return next_of(device, "memory_used", &info->used);
}
#endif

int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
    return small_of(device, "milliwatts", milliwatts);
}

int nvmlDeviceGetClockInfo(void *device, int type, unsigned int *mhz) {
    return small_of(device, type == 1 ? "sm_clock" : "memory_clock", mhz);
}

/* Of an older driver: no nvmlDeviceGetTemperatureV, no ...ClocksEventReasons. */
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) {
    (void)sensor;
    return small_of(device, "temperature", celsius);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    return next_of(device, "throttle_reasons", reasons);
}

typedef struct {
    unsigned int pid;
    unsigned long long used;
    unsigned int gpu_instance, compute_instance;
} process;

/* The file "processes" has a line "PID BYTES" for each; -1 bytes are not available. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process *found) {
    char path[4096];
    unsigned int room = *count, pid;
    long long bytes;
    path_of(path, index_of(device), "processes");
    FILE *file = fopen(path, "r");
    *count = 0;
    if (!file) return SUCCESS;
    while (fscanf(file, "%u %lld", &pid, &bytes) == 2) {
        if (*count < room) {
            found[*count].pid = pid;
            found[*count].used = (unsigned long long)bytes;
        }
        ++*count;
    }
    fclose(file);
    return *count > room ? INSUFFICIENT_SIZE : SUCCESS;
}

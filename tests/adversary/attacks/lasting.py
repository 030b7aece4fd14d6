# ruff: noqa: E501 - programs of a line or two each
"""Attacks that want too much of something, or want to stay: bombs, floods, daemons, deaf processes."""

from __future__ import annotations

from tests.adversary.attacks.attack import Attack, c, python

HONEST = ("passed", "all_cases_right")
MEMORY = ("memory_limit", "memory_limit")
LATE = ("time_limit", "call_time_limit")
MANY = ("runtime_error", "process_limit")
FULL = ("runtime_error", "no_space", "No space left on device")

BOMBS = [
    python("forks", "while os.fork(): pass\ntime.sleep(60)", *MANY),
    c("forks-for-ever", "for (;;) fork();", *LATE),
    c("starts-threads", """
    pthread_t t;
    while (pthread_create(&t, 0, (void *(*)(void *))pause, 0) == 0) ;
    fputs("no more threads\\n", stderr); exit(3);
""", *MANY, "no more threads"),
    c("leaves-zombies", "for (;;) { pid_t p = fork(); if (p == 0) _exit(0); if (p < 0) abort(); }", *MANY),
    c("fills-the-heap", "for (;;) memset(malloc(1 << 20), 1, 1 << 20);", *MEMORY),
    c("fills-mappings", """
    for (;;) memset(mmap(0, 1 << 22, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 1, 1 << 22);
""", *MEMORY),
    c("fills-memory-files", """
    char *page = calloc(1, 1 << 20);
    for (;;) { int fd = memfd_create("x", 0); for (int i = 0; i < 16; i++) if (write(fd, page, 1 << 20) < 0) abort(); }
""", *MEMORY),
    c("fills-shared-memory-segments", """
    for (;;) { char *at = shmat(shmget(IPC_PRIVATE, 1 << 22, 0600), 0, 0); if (at == (void *)-1) abort(); memset(at, 1, 1 << 22); }
""", *MEMORY),
    c("fills-memory-in-children", """
    for (int i = 0; i < 8; i++) if (fork() == 0) { memset(malloc(30 << 20), 1, 30 << 20); pause(); }
    wait(0); pause();
""", *MEMORY),
    c("fills-tmp-and-the-heap", """
    int fd = open("/tmp/x", O_CREAT | O_WRONLY, 0600); char *page = calloc(1, 1 << 20);
    for (int i = 0; i < 60; i++) if (write(fd, page, 1 << 20) < 0) abort();
    for (;;) memset(malloc(1 << 20), 1, 1 << 20);
""", *MEMORY),
    python("fills-tmp", "for n in range(9): open(f'/tmp/{n}', 'wb').write(bytes(8 << 20))", *FULL),
    python("fills-dev-shm", "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(bytes(1 << 20))", *FULL),
    python("makes-a-sparse-file", "open('/tmp/x', 'wb').truncate(1 << 40)", "runtime_error", "no_space", "File too large"),
    python("makes-many-small-files", "for n in range(10**6): open(f'/tmp/{n}', 'w').close()", *MEMORY),
    python("opens-files", "kept = []\nwhile True: kept.append(open('/dev/null'))", "runtime_error", "too_many_files", "Too many open files"),
    python("opens-pipes", "kept = []\nwhile True: kept.append(os.pipe())", "runtime_error", "too_many_files", "Too many open files"),
    c("sends-descriptors-to-nobody", """
    int pair[2]; socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    struct { struct cmsghdr h; int fd[64]; } control = {{CMSG_LEN(sizeof(int) * 64), SOL_SOCKET, SCM_RIGHTS}, {0}};
    char byte = 0; struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int) * 64)};
    for (int i = 0; i < 64; i++) control.fd[i] = pair[0];
    for (;;) if (sendmsg(pair[0], &m, MSG_DONTWAIT) < 0) { perror("sendmsg"); exit(3); }
""", "runtime_error", "exited", "sendmsg"),
    python("floods-its-output", "for _ in range(100): os.write(1, b'x' * 65536)", *HONEST),
    python("floods-in-short-lines", "for _ in range(100_000): os.write(2, b'x\\n')", *HONEST),
    python("prints-control-bytes", "os.write(1, bytes(range(256)) * 4 + b'\\xed\\xa0\\x80\\xf4\\x90')", *HONEST),
]  # fmt: skip

DEAF = [
    c("never-ends", "for (;;) ;", *LATE),
    c("stops-itself", "raise(SIGSTOP); pause();", *LATE),
    c("ignores-signals", "for (int s = 1; s < 65; s++) signal(s, SIG_IGN); for (;;) pause();", *LATE),
    c("dumps-core", 'memset(malloc(60 << 20), 1, 60 << 20); chdir("/tmp"); abort();', "runtime_error", "crashed"),
    python("allows-core-dumps", "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "runtime_error", "raised",
           "not allowed"),
    c("waits-on-a-fifo", 'mkfifo("/tmp/f", 0600); open("/tmp/f", O_RDONLY);', *LATE),
    c("breaks-its-pipes", "close(0); close(1); close(2); for (int i = 3; i < 256; i++) close(i); pause();", *LATE),
    c("starves-its-parent", """
    struct rlimit none = {0, 0}; setrlimit(RLIMIT_NOFILE, &none); setrlimit(RLIMIT_FSIZE, &none);
    for (int i = 0; i < 8; i++) if (fork() == 0) for (;;) if (fork() == 0) _exit(0); else wait(0);
    pause();
""", *LATE),
]  # fmt: skip

LINGERING = [
    c("leaves-a-daemon", "if (fork() == 0) { setsid(); if (fork() == 0) for (;;) pause(); _exit(0); } wait(0);", *HONEST),
    c("leaves-a-daemon-that-ignores-signals", """
    if (fork() == 0) { setsid(); for (int s = 1; s < 65; s++) signal(s, SIG_IGN); if (fork() == 0) for (;;) ; _exit(0); } wait(0);
""", *HONEST),
    c("leaves-a-holder-of-stdout", 'if (fork() == 0) { setsid(); for (;;) { puts("still here"); fflush(stdout); sleep(1); } }', *HONEST),
    c("leaves-a-restarting-daemon", "if (fork() == 0) for (;;) { if (fork() == 0) { setsid(); usleep(1000); _exit(0); } wait(0); }", *HONEST),
    c("leaves-stopped-children", "for (int i = 0; i < 3; i++) if (fork() == 0) { raise(SIGSTOP); pause(); }", *HONEST),
    python("leaves-shared-memory", """
segment = libc.shmget(0x5EED, 1 << 20, 0o1600)
queue, semaphore = libc.msgget(0x5EED, 0o1600), libc.semget(0x5EED, 1, 0o1600)
open("/dev/shm/left", "wb").write(b"@MARK@"); open("/tmp/left", "wb").write(b"@MARK@")
memory = os.memfd_create("left"); os.write(memory, b"@MARK@"); libc.mlock(None, 0)
""", *HONEST),
    c("leaves-nothing-but-a-thread", "pthread_t t; pthread_create(&t, 0, (void *(*)(void *))pause, 0);", *HONEST),
]  # fmt: skip


EVERYTHING: list[Attack] = [*BOMBS, *DEAF, *LINGERING]

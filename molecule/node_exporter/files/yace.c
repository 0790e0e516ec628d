/* Copyright (c) 2026, redisops.monitoring contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stand-in for YACE where there is none: its command line and its health page, no CloudWatch. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const char *config = "", *address = "", *command = "";
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--config.file=", 14)) config = argv[i] + 14;
        else if (!strncmp(argv[i], "--listen-address=127.0.0.1:", 27)) address = argv[i] + 27;
        else if (argv[i][0] != '-') command = argv[i];
        else if (strncmp(argv[i], "--log.format=", 13) && strncmp(argv[i], "--scraping-interval=", 20)) {
            printf("level=ERROR msg=\"Error running yace\" err=\"flag provided but not defined: %s\"\n", argv[i] + 1);
            return 1;
        }
    }
    if (!strcmp(command, "version")) return puts("0.0.0-stand-in") < 0;
    static char text[65536];
    FILE *file = fopen(config, "r");
    if (!file || !fread(text, 1, sizeof text - 1, file) || !strstr(text, "\napiVersion: v1alpha1\n") || !strstr(text, "statistics:")) {
        puts("level=ERROR msg=\"Couldn't read config file\" err=\"it is none that the stand-in knows\"");
        return 1;
    }
    if (!strcmp(command, "verify-config")) return 0;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(atoi(address))};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 8)) return perror("listen"), 1;
    for (;;) {
        char request[4096];
        const char *answer = "HTTP/1.0 200 OK\r\n\r\nyace_cloudwatch_requests_total 0\n";
        int client = accept(listener, 0, 0);
        if (read(client, request, sizeof request) > 0) (void)!write(client, answer, strlen(answer));
        close(client);
    }
}

package org.stateferry.service;

import jakarta.validation.constraints.NotNull;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;
import org.springframework.validation.annotation.Validated;

/**
 * The service's own settings.
 *
 * @param jobs the directory of the job definitions; a relative path is taken from the working directory
 * @param hosts further names by which clients may call this host, without a port
 * @param roots the folders under which files must lie that requests and definitions name; without any, requests name no files, and
 *     definitions any
 * @param spaceReserve how much room the file systems of the images and of the home must have for the service to be ready
 * @param stalledAfter an import that has not got on for so long does not count among those that may run at a time
 */
@ConfigurationProperties("stateferry")
@Validated
record ServiceProperties(
        @NotNull @DefaultValue("jobs") Path jobs,
        @DefaultValue List<@NotNull String> hosts,
        @DefaultValue List<@NotNull Path> roots,
        @NotNull @DefaultValue("1GB") DataSize spaceReserve,
        @NotNull @DefaultValue("1m") Duration stalledAfter) {}

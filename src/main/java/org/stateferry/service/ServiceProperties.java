package org.stateferry.service;

import java.nio.file.Path;
import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The service's own settings.
 *
 * @param jobs the directory of the job definitions; a relative path is taken from the working directory
 * @param hosts further names by which clients may call this host, without a port
 */
@ConfigurationProperties("stateferry")
record ServiceProperties(
        @DefaultValue("jobs") Path jobs, @DefaultValue List<String> hosts) {}

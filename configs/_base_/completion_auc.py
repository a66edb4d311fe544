# Table 1: kept shares 0.01, 0.06, ... 0.96 of a dense map (facts 11), pixels drawn independently.
_base_ = './completion.py'
densities = [0.01, 0.06, 0.11, 0.16, 0.21, 0.26, 0.31, 0.36, 0.41, 0.46]
densities += [0.51, 0.56, 0.61, 0.66, 0.71, 0.76, 0.81, 0.86, 0.91, 0.96]
model = dict(test_cfg=dict(_delete_=True, kept_densities=densities, pattern='pixel', seed=0))
